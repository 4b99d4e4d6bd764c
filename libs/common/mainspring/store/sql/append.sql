-- Append events to many streams, each all or none, with the view rows that follow from them.
--
-- $1 the streams, each once, and $2 the events, as JSON arrays with an object for each; hashes in
-- hex.  $3 bodies json[] and $4 metadata json[] of the events, whose `place` counts from 1: inside
-- $2 a NUL that somebody escaped would be refused.  Then one JSON array for each view, with an
-- object for each row.  `n` is the place of a row's or event's stream (from 1); it is written only
-- when its stream is accepted.  Instants are seconds.  JSON, because an unnest of n arrays costs n
-- functions here, and in the client n times the making of an array.
--
-- Returns one row: for each stream whether it was accepted, and the positions of the events that
-- were written, in order.  A unique violation of `idempotency_one_answer` (or a null in
-- idempotency.at) says that a key is taken, of `definitions_one_name`, `triggers_one_waiting_key` or
-- `starters_one_key` that a name is: then nothing at all was written.
--
-- One lock makes the order of positions the order of commits: whoever reads a position can never
-- see a lower one appear later.  It is taken before the first row is written, because everything
-- hangs on `asked`.  The snapshot of the statement is older than the lock, and that is safe: a
-- stream that was moved meanwhile is re-read and re-judged by the update (READ COMMITTED), one that
-- was born meanwhile stops the insert, and the views of a stream are written by its appends alone,
-- so an accepted stream has unchanged rows.  Only a purge removes rows of other streams, such as
-- ended long before.  Rows of `attempts` and `audit` carry the version of
-- their event, so they are only ever inserted.
with locked as materialized (
  select pg_advisory_xact_lock(6077427380160)
),
asked as materialized (
  select a.*
    from locked,
         json_to_recordset($1::json)
           as a (n int, category text, id text, expected int, expected_hash bytea, version int,
                 hash bytea, project text)
),
born as (
  insert into mainspring.streams (category, id, version, hash, project)
  select category, id, version, hash, project from asked where expected = 0
  on conflict do nothing
  returning category, id
),
moved as (
  update mainspring.streams s
     set version = a.version, hash = a.hash
    from asked a
   where s.category = a.category and s.id = a.id
     and a.expected > 0 and s.version = a.expected and s.hash = a.expected_hash
  returning a.n
),
verdict as materialized (
  -- Full joins, because they are never done as nested loops: 256 streams are 256 look-ups.
  select array_agg(b.id is not null or m.n is not null order by a.n) as accepted
    from asked a
    full join born b on b.category = a.category and b.id = a.id
    full join moved m on m.n = a.n
),
written as (
  insert into mainspring.events
    (category, stream_id, version, id, type, schema_version, body, meta, project, recorded_at, hash)
  select r.category, r.stream_id, r.version, r.id, r.type, r.schema_version, ($3::json[])[r.place],
         ($4::json[])[r.place], r.project, to_timestamp(r.recorded_at), r.hash
    from json_to_recordset($2::json)
           as r (n int, place int, category text, stream_id text, version int, id uuid, type text,
                 schema_version smallint, project text, recorded_at double precision, hash bytea)
   where (select accepted from verdict)[r.n]
  returning position
),
executions as (
  insert into mainspring.executions
    (id, project, partition, definition, dialect, name, version, status, stream_version,
     handled_version, created_at, updated_at, reason, warning, current, waiting_for, wake_at,
     started_at, finished_at, output_version, catalog_id, triggered_by, created_by, retry_of,
     parent, parent_step, tags, undone, lane)
  select r.id, r.project, r.partition, r.definition, r.dialect, r.name, r.version, r.status,
         r.stream_version, r.handled_version, to_timestamp(r.created_at),
         to_timestamp(r.updated_at), r.reason, r.warning,
         r.current, r.waiting_for, to_timestamp(r.wake_at), to_timestamp(r.started_at),
         to_timestamp(r.finished_at), r.output_version,
         r.catalog_id, r.triggered_by, r.created_by, r.retry_of, r.parent, r.parent_step, r.tags,
         r.undone, r.lane
    from json_to_recordset($5::json)
           as r (n int, id uuid, project text, partition int, definition text, dialect text,
                 name text, version text, status text, stream_version int, handled_version int,
                 created_at double precision, updated_at double precision, reason text,
                 warning text, current json, waiting_for text, wake_at double precision,
                 started_at double precision, finished_at double precision, output_version int,
                 catalog_id text, triggered_by text, created_by text, retry_of uuid, parent uuid,
                 parent_step text, tags json, undone boolean, lane text)
   where (select accepted from verdict)[r.n]
  on conflict (id) do update
     set project = excluded.project, partition = excluded.partition,
         definition = excluded.definition, dialect = excluded.dialect, name = excluded.name,
         version = excluded.version, status = excluded.status,
         stream_version = excluded.stream_version, handled_version = excluded.handled_version,
         created_at = excluded.created_at, updated_at = excluded.updated_at,
         reason = excluded.reason, warning = excluded.warning, current = excluded.current,
         waiting_for = excluded.waiting_for, wake_at = excluded.wake_at,
         started_at = excluded.started_at, finished_at = excluded.finished_at,
         output_version = excluded.output_version, catalog_id = excluded.catalog_id,
         triggered_by = excluded.triggered_by, created_by = excluded.created_by,
         retry_of = excluded.retry_of, parent = excluded.parent,
         parent_step = excluded.parent_step, tags = excluded.tags, undone = excluded.undone,
         lane = excluded.lane
),
steps as (
  insert into mainspring.steps
    (execution, ref, phase, visit, seq, kind, status, attempt, scheduled_at, reason, started_at,
     finished_at, due_at, output_version)
  select r.execution, r.ref, r.phase, r.visit, r.seq, r.kind, r.status, r.attempt,
         to_timestamp(r.scheduled_at),
         r.reason, to_timestamp(r.started_at), to_timestamp(r.finished_at),
         to_timestamp(r.due_at), r.output_version
    from json_to_recordset($6::json)
           as r (n int, execution uuid, ref text, phase text, visit int, seq int, kind text,
                 status text, attempt int, scheduled_at double precision, reason text,
                 started_at double precision, finished_at double precision,
                 due_at double precision, output_version int)
   where (select accepted from verdict)[r.n]
  on conflict (execution, ref, phase, visit) do update
     set seq = excluded.seq, kind = excluded.kind, status = excluded.status,
         attempt = excluded.attempt, scheduled_at = excluded.scheduled_at,
         reason = excluded.reason, started_at = excluded.started_at,
         finished_at = excluded.finished_at, due_at = excluded.due_at,
         output_version = excluded.output_version
),
attempts as (
  insert into mainspring.attempts
    (execution, ref, phase, visit, attempt, version, ok, started_at, latency, status, fault)
  select r.execution, r.ref, r.phase, r.visit, r.attempt, r.version, r.ok,
         to_timestamp(r.started_at), r.latency,
         r.status, r.fault
    from json_to_recordset($7::json)
           as r (n int, execution uuid, ref text, phase text, visit int, attempt int, version int,
                 ok boolean, started_at double precision, latency double precision, status int,
                 fault text)
   where (select accepted from verdict)[r.n]
),
timers as (
  insert into mainspring.timers (execution, key, kind, partition, due_at)
  select r.execution, r.key, r.kind, r.partition, to_timestamp(r.due_at)
    from json_to_recordset($8::json)
           as r (n int, execution uuid, key text, kind text, partition int, due_at double precision)
   where (select accepted from verdict)[r.n]
  on conflict (execution, key) do update
     set kind = excluded.kind, partition = excluded.partition, due_at = excluded.due_at
),
timers_gone as (
  delete from mainspring.timers t
   using json_to_recordset($9::json)
           as r (n int, execution uuid, key text)
   where (select accepted from verdict)[r.n]
     and t.execution = r.execution and t.key = r.key
),
compiled as (
  insert into mainspring.compiled (hash, name, version)
  select r.hash, r.name, r.version
    from json_to_recordset($10::json)
           as r (n int, hash text, name text, version text)
   where (select accepted from verdict)[r.n]
  on conflict (hash) do update
     set name = excluded.name, version = excluded.version
),
definitions as (
  insert into mainspring.definitions
    (id, project, name, version, dialect, compiled, created_at, deleted_at)
  select r.id, r.project, r.name, r.version, r.dialect, r.compiled, to_timestamp(r.created_at),
         to_timestamp(r.deleted_at)
    from json_to_recordset($11::json)
           as r (n int, id text, project text, name text, version text, dialect text,
                 compiled text, created_at double precision, deleted_at double precision)
   where (select accepted from verdict)[r.n]
  on conflict (id) do update
     set project = excluded.project, name = excluded.name, version = excluded.version,
         dialect = excluded.dialect, compiled = excluded.compiled,
         created_at = excluded.created_at, deleted_at = excluded.deleted_at
),
audit as (
  insert into mainspring.audit
    (category, stream, version, project, actor, action, at, request_id)
  select r.category, r.stream, r.version, r.project, r.actor, r.action, to_timestamp(r.at),
         r.request_id
    from json_to_recordset($12::json)
           as r (n int, category text, stream text, version int, project text, actor text,
                 action text, at double precision, request_id text)
   where (select accepted from verdict)[r.n]
),
idempotency as (
  -- A key is free again a day after its answer.  Before that the null aborts the statement.
  insert into mainspring.idempotency as kept
    (project, actor, route, key, request_hash, status, response, location, at)
  select r.project, r.actor, r.route, r.key, r.request_hash, r.status, r.response, r.location,
         to_timestamp(r.at)
    from json_to_recordset($13::json)
           as r (n int, project text, actor text, route text, key text, request_hash text,
                 status int, response text, location text, at double precision)
   where (select accepted from verdict)[r.n]
  on conflict (project, actor, route, key) do update
     set request_hash = excluded.request_hash, status = excluded.status,
         response = excluded.response, location = excluded.location,
         at = case when kept.at <= excluded.at - interval '24 hours' then excluded.at end
),
triggers as (
  -- In order of the rows, so that a key which one trigger gives up is free for the next.
  insert into mainspring.triggers
    (id, project, key, execution, ref, visit, attempt, status, ask_version, requested_at, timeout,
     expires_at, received_at, ended_at, error, notify_url, notify_status, sent_by, payload_version)
  select r.id, r.project, r.key, r.execution, r.ref, r.visit, r.attempt, r.status, r.ask_version,
         to_timestamp(r.requested_at), r.timeout, to_timestamp(r.expires_at),
         to_timestamp(r.received_at), to_timestamp(r.ended_at), r.error, r.notify_url,
         r.notify_status, r.sent_by, r.payload_version
    from json_to_recordset($14::json)
           as r (n int, id uuid, project text, key text, execution uuid, ref text, visit int,
                 attempt int, status text, ask_version int, requested_at double precision,
                 timeout double precision, expires_at double precision,
                 received_at double precision, ended_at double precision, error text,
                 notify_url text, notify_status text, sent_by text, payload_version int)
   where (select accepted from verdict)[r.n]
  on conflict (id) do update
     set project = excluded.project, key = excluded.key, execution = excluded.execution,
         ref = excluded.ref, visit = excluded.visit, attempt = excluded.attempt,
         status = excluded.status, ask_version = excluded.ask_version,
         requested_at = excluded.requested_at, timeout = excluded.timeout,
         expires_at = excluded.expires_at, received_at = excluded.received_at,
         ended_at = excluded.ended_at, error = excluded.error, notify_url = excluded.notify_url,
         notify_status = excluded.notify_status, sent_by = excluded.sent_by,
         payload_version = excluded.payload_version
),
triggers_gone as (
  delete from mainspring.triggers t
   using json_to_recordset($15::json)
           as r (n int, project text, ended_before_at double precision)
   where (select accepted from verdict)[r.n]
     and t.project = r.project and t.ended_at < to_timestamp(r.ended_before_at)
),
approvals as (
  insert into mainspring.approvals
    (id, project, execution, ref, visit, attempt, status, ask_version, requested_at, approvers,
     expires_at, decided_at, decided_by, reason)
  select r.id, r.project, r.execution, r.ref, r.visit, r.attempt, r.status, r.ask_version,
         to_timestamp(r.requested_at), r.approvers, to_timestamp(r.expires_at),
         to_timestamp(r.decided_at), r.decided_by, r.reason
    from json_to_recordset($16::json)
           as r (n int, id uuid, project text, execution uuid, ref text, visit int, attempt int,
                 status text, ask_version int, requested_at double precision, approvers json,
                 expires_at double precision, decided_at double precision, decided_by text,
                 reason text)
   where (select accepted from verdict)[r.n]
  on conflict (id) do update
     set project = excluded.project, execution = excluded.execution, ref = excluded.ref,
         visit = excluded.visit, attempt = excluded.attempt, status = excluded.status,
         ask_version = excluded.ask_version, requested_at = excluded.requested_at,
         approvers = excluded.approvers, expires_at = excluded.expires_at,
         decided_at = excluded.decided_at, decided_by = excluded.decided_by,
         reason = excluded.reason
),
buffered as (
  insert into mainspring.buffered
    (stream, version, project, key, sent_by, buffered_at, expires_at, trigger)
  select r.stream, r.version, r.project, r.key, r.sent_by, to_timestamp(r.buffered_at),
         to_timestamp(r.expires_at), r.trigger
    from json_to_recordset($17::json)
           as r (n int, stream text, version int, project text, key text, sent_by text,
                 buffered_at double precision, expires_at double precision, trigger uuid)
   where (select accepted from verdict)[r.n]
  on conflict (stream, version) do update
     set project = excluded.project, key = excluded.key, sent_by = excluded.sent_by,
         buffered_at = excluded.buffered_at, expires_at = excluded.expires_at,
         trigger = excluded.trigger
),
buffered_gone as (
  delete from mainspring.buffered b
   using json_to_recordset($18::json) as r (n int, stream text, version int)
   where (select accepted from verdict)[r.n]
     and b.stream = r.stream and b.version = r.version
),
buffered_expired as (
  delete from mainspring.buffered b
   using json_to_recordset($19::json)
           as r (n int, project text, expired_before_at double precision)
   where (select accepted from verdict)[r.n]
     and b.project = r.project and b.expires_at < to_timestamp(r.expired_before_at)
),
kv as (
  insert into mainspring.kv (stream, project, key, version, created_at, updated_at, expires_at)
  select r.stream, r.project, r.key, r.version, to_timestamp(r.created_at),
         to_timestamp(r.updated_at), to_timestamp(r.expires_at)
    from json_to_recordset($20::json)
           as r (n int, stream text, project text, key text, version int,
                 created_at double precision, updated_at double precision,
                 expires_at double precision)
   where (select accepted from verdict)[r.n]
  on conflict (stream) do update
     set project = excluded.project, key = excluded.key, version = excluded.version,
         created_at = excluded.created_at, updated_at = excluded.updated_at,
         expires_at = excluded.expires_at
),
kv_gone as (
  delete from mainspring.kv k
   using json_to_recordset($21::json) as r (n int, stream text)
   where (select accepted from verdict)[r.n] and k.stream = r.stream
),
starters as (
  insert into mainspring.starters
    (id, project, partition, dialect, workflow, kind, name, origin, enabled, created_at,
    updated_at, set_version, stream_version, stream_hash, key, follows, next_at, due_at, last_at,
    last_execution, last_error, note, removed_at)
  select r.id, r.project, r.partition, r.dialect, r.workflow, r.kind, r.name, r.origin,
         r.enabled, to_timestamp(r.created_at), to_timestamp(r.updated_at), r.set_version,
         r.stream_version, r.stream_hash, r.key, r.follows, to_timestamp(r.next_at),
         to_timestamp(r.due_at), to_timestamp(r.last_at), r.last_execution, r.last_error, r.note,
         to_timestamp(r.removed_at)
    from json_to_recordset($22::json)
           as r (n int, id text, project text, partition int, dialect text, workflow text, kind text,
                 name text, origin text, enabled boolean, created_at double precision,
                 updated_at double precision, set_version int, stream_version int,
                 stream_hash text, key text, follows text, next_at double precision,
                 due_at double precision, last_at double precision, last_execution text,
                 last_error text, note text, removed_at double precision)
   where (select accepted from verdict)[r.n]
  on conflict (id) do update
     set project = excluded.project, partition = excluded.partition, dialect = excluded.dialect,
         workflow = excluded.workflow, kind = excluded.kind, name = excluded.name,
         origin = excluded.origin, enabled = excluded.enabled, created_at = excluded.created_at,
         updated_at = excluded.updated_at, set_version = excluded.set_version,
         stream_version = excluded.stream_version, stream_hash = excluded.stream_hash,
         key = excluded.key, follows = excluded.follows, next_at = excluded.next_at,
         due_at = excluded.due_at, last_at = excluded.last_at,
         last_execution = excluded.last_execution, last_error = excluded.last_error,
         note = excluded.note, removed_at = excluded.removed_at
)
select (select accepted from verdict) as accepted,
       (select array_agg(position order by position) from written) as positions
