-- How many executions neither ended nor know why they wait and until when.  Who waits for somebody's
-- word may do so without an instant.
-- Served by executions_stuck.
select count(*)
  from mainspring.executions
 where status not in ('succeeded', 'failed', 'corrupted', 'canceled', 'timed_out')
   and (waiting_for is null
        or (wake_at is null and waiting_for not in ('resume', 'event', 'approval', 'slot')))
