-- Bound how long each later statement of this session waits for a lock.
-- $1 timeout text
select set_config('lock_timeout', $1, false)
