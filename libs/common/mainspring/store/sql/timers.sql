-- Timers that are due, in due order.
-- $1 partitions int[]  $2 before timestamptz  $3 limit int
-- Served by timers_due.
select *
  from mainspring.timers
 where due_at < $2 and partition = any ($1::int[])
 order by due_at, execution, key
 limit $3
