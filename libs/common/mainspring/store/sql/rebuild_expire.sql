-- Forget the rebuilt events that a project kept until before an instant, as a purge has done.
-- $1 project text  $2 expired_before timestamptz
delete from mainspring_rebuilt.buffered where project = $1 and expires_at < $2
