-- Steps can wait for events, for approvals and for other runs: the views of these.

create table mainspring.triggers (
  id uuid not null,
  project text collate "C" not null,
  key text collate "C" not null,
  execution uuid not null,
  ref text collate "C" not null,
  visit int not null,
  attempt int not null,
  status text collate "C" not null,
  ask_version int not null,
  requested_at timestamptz not null,
  timeout double precision,
  expires_at timestamptz,
  received_at timestamptz,
  ended_at timestamptz,
  error text,
  notify_url text,
  notify_status text collate "C",
  sent_by text,
  payload_version int,
  constraint triggers_pkey primary key (id)
) with (fillfactor = 80);

create unique index triggers_one_waiting_key on mainspring.triggers (project, key)
  where status = 'waiting';

create index triggers_by_key on mainspring.triggers (project, key, requested_at desc, id desc);

create index triggers_newest on mainspring.triggers (project, requested_at desc, id desc);

create index triggers_by_execution on mainspring.triggers
  (execution, requested_at desc, id desc);

create index triggers_ended on mainspring.triggers (project, ended_at)
  where ended_at is not null;

create table mainspring.approvals (
  id uuid not null,
  project text collate "C" not null,
  execution uuid not null,
  ref text collate "C" not null,
  visit int not null,
  attempt int not null,
  status text collate "C" not null,
  ask_version int not null,
  requested_at timestamptz not null,
  approvers json not null,
  expires_at timestamptz,
  decided_at timestamptz,
  decided_by text,
  reason text,
  constraint approvals_pkey primary key (id)
) with (fillfactor = 80);

create index approvals_newest on mainspring.approvals (project, requested_at desc, id desc);

create index approvals_by_execution on mainspring.approvals
  (execution, requested_at desc, id desc);

create table mainspring.buffered (
  stream text collate "C" not null,
  version int not null,
  project text collate "C" not null,
  key text collate "C" not null,
  sent_by text not null,
  buffered_at timestamptz not null,
  expires_at timestamptz not null,
  trigger uuid,
  constraint buffered_pkey primary key (stream, version)
);

create index buffered_expiring on mainspring.buffered (project, expires_at);

create index executions_by_parent on mainspring.executions (parent, created_at, id)
  where parent is not null;

-- Who waits for an event or an approval may do so without a next wake-up.
drop index mainspring.executions_stuck;
create index executions_stuck on mainspring.executions (id)
  where status not in ('succeeded', 'failed', 'corrupted', 'canceled', 'timed_out')
    and (waiting_for is null
         or (wake_at is null and waiting_for not in ('resume', 'event', 'approval')));
