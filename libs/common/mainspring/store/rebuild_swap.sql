-- Put the rebuilt views in the place of the live ones, in the transaction that has stopped writers.
-- Readers wait for the commit.  Indexes and constraints move with their tables, names and all.
create unique index triggers_one_waiting_key on mainspring_rebuilt.triggers (project, key)
  where status = 'waiting';
create unique index starters_one_key on mainspring_rebuilt.starters (key) where key is not null;
drop table mainspring.executions;
alter table mainspring_rebuilt.executions set schema mainspring;
drop table mainspring.steps;
alter table mainspring_rebuilt.steps set schema mainspring;
drop table mainspring.attempts;
alter table mainspring_rebuilt.attempts set schema mainspring;
drop table mainspring.timers;
alter table mainspring_rebuilt.timers set schema mainspring;
drop table mainspring.compiled;
alter table mainspring_rebuilt.compiled set schema mainspring;
drop table mainspring.definitions;
alter table mainspring_rebuilt.definitions set schema mainspring;
drop table mainspring.audit;
alter table mainspring_rebuilt.audit set schema mainspring;
drop table mainspring.idempotency;
alter table mainspring_rebuilt.idempotency set schema mainspring;
drop table mainspring.triggers;
alter table mainspring_rebuilt.triggers set schema mainspring;
drop table mainspring.approvals;
alter table mainspring_rebuilt.approvals set schema mainspring;
drop table mainspring.buffered;
alter table mainspring_rebuilt.buffered set schema mainspring;
drop table mainspring.kv;
alter table mainspring_rebuilt.kv set schema mainspring;
drop table mainspring.starters;
alter table mainspring_rebuilt.starters set schema mainspring;
drop schema mainspring_rebuilt cascade;
