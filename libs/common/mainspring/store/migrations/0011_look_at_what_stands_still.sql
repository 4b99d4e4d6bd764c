-- Runs that wait without an instant are looked at by `mainspring doctor`.

create index executions_still on mainspring.executions (id)
  where wake_at is null and waiting_for is not null;
