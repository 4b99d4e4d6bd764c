-- Runs may be counted by a key of their own: they wait among those with the same one.

alter table mainspring.executions add column lane text collate "C" not null default '';

drop index mainspring.executions_queued;

create index executions_queued on mainspring.executions (project, name, lane, created_at, id)
  where waiting_for = 'slot';
