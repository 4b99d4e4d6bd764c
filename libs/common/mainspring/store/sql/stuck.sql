-- Executions that neither ended nor know why they wait and until when: those that without_wakeup counts.
-- $1 partitions int[]  $2 limit int
-- Served by executions_stuck.
select id
  from mainspring.executions
 where status not in ('succeeded', 'failed', 'corrupted', 'canceled', 'timed_out')
   and (waiting_for is null
        or (wake_at is null and waiting_for not in ('resume', 'event', 'approval', 'slot')))
   and partition = any ($1::int[])
 order by id
 limit $2
