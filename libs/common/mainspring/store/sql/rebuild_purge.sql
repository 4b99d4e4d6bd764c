-- Forget the rebuilt triggers of a project that a purge has removed.
-- $1 project text  $2 ended_before timestamptz
delete from mainspring_rebuilt.triggers where project = $1 and ended_at < $2
