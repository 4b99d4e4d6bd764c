-- Executions with facts that nobody has decided on, oldest first.
-- $1 partitions int[]  $2 before timestamptz  $3 limit int
-- Served by executions_unhandled.
select id
  from mainspring.executions
 where handled_version < stream_version
   and updated_at < $2 and partition = any ($1::int[])
 order by updated_at, id
 limit $3
