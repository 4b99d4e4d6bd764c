-- Runs may wait for a place among the runs of their workflow: open-ended, and found in their order.

drop index mainspring.executions_stuck;

create index executions_stuck on mainspring.executions (id)
  where status not in ('succeeded', 'failed', 'corrupted', 'canceled', 'timed_out')
    and (waiting_for is null
         or (wake_at is null and waiting_for not in ('resume', 'event', 'approval', 'slot')));

create index executions_queued on mainspring.executions (project, name, created_at, id)
  where waiting_for = 'slot';
