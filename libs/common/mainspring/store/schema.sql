-- The whole schema, for reading.  A database gets here by `migrations/`; a test builds both ways
-- and compares them.
--
-- `streams` and `events` are the truth.  `executions` to `idempotency` are views: rows that follow
-- from the events, written in the same transaction, and rebuilt from the log alone.  `blobs` and
-- `snapshots` stand beside the log.  Above each index stands the query that it serves.

create schema mainspring;

create table mainspring.migrations (
  name text collate "C" not null,
  hash text collate "C" not null,
  applied_at timestamptz not null default now(),
  constraint migrations_pkey primary key (name)
);

-- The head of each stream: an append names the one that it expects.
create table mainspring.streams (
  category text collate "C" not null,
  id text collate "C" not null,
  version int not null,
  hash bytea not null,
  project text collate "C" not null,
  constraint streams_pkey primary key (category, id)
) with (fillfactor = 80);

-- The log.  Positions are taken under the log's lock, so their order is the order of commits.
-- `json` and not `jsonb`: the hash is over these very bytes.
create table mainspring.events (
  position bigint generated always as identity,
  category text collate "C" not null,
  stream_id text collate "C" not null,
  version int not null,
  id uuid not null,
  type text collate "C" not null,
  schema_version smallint not null,
  body json not null,
  meta json not null,
  project text collate "C" not null,
  recorded_at timestamptz not null,
  hash bytea not null,
  constraint events_pkey primary key (position),
  constraint events_one_per_version unique (category, stream_id, version)
) with (autovacuum_vacuum_insert_scale_factor = 0.05);

-- read_project: the log of one project from a position on.
create index events_by_project on mainspring.events (project, position);

create table mainspring.executions (
  id uuid not null,
  project text collate "C" not null,
  partition int not null,
  definition text collate "C" not null,
  dialect text collate "C" not null,
  name text collate "C" not null,
  version text collate "C" not null,
  status text collate "C" not null,
  stream_version int not null,
  handled_version int not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  reason text,
  warning text,
  current json not null,
  waiting_for text collate "C",
  wake_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  output_version int,
  catalog_id text collate "C",
  triggered_by text collate "C" not null,
  created_by text collate "C" not null,
  retry_of uuid,
  parent uuid,
  parent_step text collate "C",
  tags json not null,
  undone boolean not null default false,
  lane text collate "C" not null default '',
  constraint executions_pkey primary key (id)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- executions: the newest of a project, and the pages after them.
create index executions_newest on mainspring.executions (project, created_at desc, id desc);

-- unhandled: facts that wait for a decision, oldest first.
create index executions_unhandled on mainspring.executions (updated_at)
  where handled_version < stream_version;

-- overdue: runs whose next wake-up has passed, most overdue first.
create index executions_waking on mainspring.executions (wake_at)
  where wake_at is not null;

-- without_wakeup: runs that nothing will move; there should be none.
create index executions_stuck on mainspring.executions (id)
  where status not in ('succeeded', 'failed', 'corrupted', 'canceled', 'timed_out')
    and (waiting_for is null
         or (wake_at is null and waiting_for not in ('resume', 'event', 'approval', 'slot')));

-- ailing: runs that wait, and that nothing but somebody's word will move.
create index executions_still on mainspring.executions (id)
  where wake_at is null and waiting_for is not null;

-- live: how many runs of a project or of a workflow have not ended.
create index executions_live on mainspring.executions (project, name)
  where status in ('pending', 'running', 'paused', 'unwinding');

-- queued, gates: runs that wait for a place among the runs of their workflow, oldest first.
create index executions_queued on mainspring.executions (project, name, lane, created_at, id)
  where waiting_for = 'slot';

-- children: the runs that a run has started.
create index executions_by_parent on mainspring.executions (parent, created_at, id)
  where parent is not null;

create table mainspring.steps (
  execution uuid not null,
  ref text collate "C" not null,
  phase text collate "C" not null,
  visit int not null,
  seq int not null,
  kind text collate "C" not null,
  status text collate "C" not null,
  attempt int not null,
  scheduled_at timestamptz not null,
  reason text,
  started_at timestamptz,
  finished_at timestamptz,
  due_at timestamptz,
  output_version int,
  constraint steps_pkey primary key (execution, ref, phase, visit)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

create table mainspring.attempts (
  execution uuid not null,
  ref text collate "C" not null,
  phase text collate "C" not null,
  visit int not null,
  attempt int not null,
  version int not null,
  ok boolean not null,
  started_at timestamptz not null,
  latency double precision not null,
  status int,
  fault text collate "C",
  constraint attempts_pkey primary key (execution, version)
);

create table mainspring.timers (
  execution uuid not null,
  key text collate "C" not null,
  kind text collate "C" not null,
  partition int not null,
  due_at timestamptz not null,
  constraint timers_pkey primary key (execution, key)
) with (autovacuum_vacuum_scale_factor = 0.02);

-- timers: what is due, in due order.
create index timers_due on mainspring.timers (due_at, execution, key);

-- What steps wait, or have waited, for.  A key belongs to one waiting trigger of a project.
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

-- triggers_waiting: who waits with a key, or with a prefix of keys.
create unique index triggers_one_waiting_key on mainspring.triggers (project, key)
  where status = 'waiting';

-- trigger_by_key: the newest of a key where none waits.
create index triggers_by_key on mainspring.triggers (project, key, requested_at desc, id desc);

-- triggers: the newest of a project, and the pages after them.  trigger_stats counts along it.
create index triggers_newest on mainspring.triggers (project, requested_at desc, id desc);

-- triggers_of_execution: what a run waits, or has waited, for.
create index triggers_by_execution on mainspring.triggers
  (execution, requested_at desc, id desc);

-- purgeable: what ended first, in the order in which it is forgotten.
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

-- approvals: the newest of a project, and the pages after them.
create index approvals_newest on mainspring.approvals (project, requested_at desc, id desc);

-- approvals_of_execution: what a run asks, or has asked.
create index approvals_by_execution on mainspring.approvals
  (execution, requested_at desc, id desc);

-- ailing: what a run that has ended has left.
create index approvals_pending on mainspring.approvals (execution)
  where status = 'pending';

-- Events that are kept for a trigger that has not been opened yet.
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

-- append: what a purge removes.
create index buffered_expiring on mainspring.buffered (project, expires_at);

create table mainspring.compiled (
  hash text collate "C" not null,
  name text collate "C" not null,
  version text collate "C" not null,
  constraint compiled_pkey primary key (hash)
);

create table mainspring.definitions (
  id text collate "C" not null,
  project text collate "C" not null,
  name text collate "C" not null,
  version text collate "C" not null,
  dialect text collate "C" not null,
  compiled text collate "C" not null,
  created_at timestamptz not null,
  deleted_at timestamptz,
  constraint definitions_pkey primary key (id),
  constraint definitions_one_name unique (project, name, version)
);

-- definitions: the newest of a project, and the pages after them.
create index definitions_newest on mainspring.definitions (project, created_at desc, id desc)
  where deleted_at is null;

-- definitions: the newest of a dialect over all projects, and the pages after them.
create index definitions_anywhere on mainspring.definitions (dialect, created_at desc, id desc)
  where deleted_at is null;

-- The present value of each key; the value itself stands in the event at `version`.
create table mainspring.kv (
  stream text collate "C" not null,
  project text collate "C" not null,
  key text collate "C" not null,
  version int not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  expires_at timestamptz,
  constraint kv_pkey primary key (stream)
) with (fillfactor = 80);

-- kv_keys: the keys of a project, or those with a prefix, in order.
create unique index kv_one_key on mainspring.kv (project, key);

-- What starts runs by itself; what each is to do stands in the event at `set_version`.
create table mainspring.starters (
  id text collate "C" not null,
  project text collate "C" not null,
  partition int not null,
  dialect text collate "C" not null,
  workflow text collate "C" not null,
  kind text collate "C" not null,
  name text not null,
  origin text collate "C" not null,
  enabled boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  set_version int not null,
  stream_version int not null,
  stream_hash text collate "C" not null,
  key text collate "C",
  follows text collate "C",
  next_at timestamptz,
  due_at timestamptz,
  last_at timestamptz,
  last_execution text collate "C",
  last_error text,
  note text,
  removed_at timestamptz,
  constraint starters_pkey primary key (id)
) with (fillfactor = 80);

-- starter_by_key: what a webhook is found by.
create unique index starters_one_key on mainspring.starters (key) where key is not null;

-- starters: the newest of a project, and the pages after them.
create index starters_newest on mainspring.starters (project, created_at desc, id desc)
  where removed_at is null;

-- starters_due, starters_next_due: those that come next.
create index starters_due on mainspring.starters (due_at, id) where due_at is not null;

-- starters_following
create index starters_following on mainspring.starters (created_at, id)
  where follows is not null and enabled and removed_at is null;

create table mainspring.audit (
  category text collate "C" not null,
  stream text collate "C" not null,
  version int not null,
  project text collate "C" not null,
  actor text not null,
  action text collate "C" not null,
  at timestamptz not null,
  request_id text not null,
  constraint audit_pkey primary key (category, stream, version)
);

create table mainspring.idempotency (
  project text collate "C" not null,
  actor text collate "C" not null,
  route text collate "C" not null,
  key text collate "C" not null,
  request_hash text collate "C" not null,
  status int not null,
  response text not null,
  location text not null,
  at timestamptz not null,
  constraint idempotency_one_answer primary key (project, actor, route, key)
);

-- keys_forget
create index idempotency_by_age on mainspring.idempotency (at);

-- How far a reader of the log has come.
create table mainspring.cursors (
  name text collate "C" not null,
  position bigint not null,
  constraint cursors_pkey primary key (name)
);

-- Values by their own hash, and when they were last stored.
create table mainspring.blobs (
  ref text collate "C" not null,
  data bytea not null,
  stored_at timestamptz not null default now(),
  constraint blobs_pkey primary key (ref)
);

-- blobs_forget
create index blobs_by_age on mainspring.blobs (stored_at);

-- A cache of folded states; may be emptied at any time.
create table mainspring.snapshots (
  category text collate "C" not null,
  stream_id text collate "C" not null,
  version int not null,
  hash bytea not null,
  state bytea not null,
  constraint snapshots_pkey primary key (category, stream_id)
) with (fillfactor = 80);
