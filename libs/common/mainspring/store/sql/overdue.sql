-- Executions whose next wake-up lies in the past, most overdue first.
-- $1 partitions int[]  $2 before timestamptz  $3 limit int
-- Served by executions_waking.
select id
  from mainspring.executions
 where wake_at is not null and wake_at < $2 and partition = any ($1::int[])
 order by wake_at, id
 limit $3
