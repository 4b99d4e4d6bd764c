-- When the next schedule falls due.
-- $1 partitions int[]
-- Served by starters_due.
select due_at
  from mainspring.starters
 where due_at is not null and partition = any ($1::int[])
 order by due_at, id
 limit 1
