-- Append events to many streams, each all or none, with the view rows that follow from them.
--
-- $1 categories text[]  $2 ids text[]  $3 expected versions int[]  $4 expected hashes bytea[]
-- $5 new versions int[]  $6 new hashes bytea[]  $7 projects text[]: the streams, each once
-- $8.. events, then the rows of each view: the first array of each group is the stream's place
--      in $1 (from 1); a row is written only when its stream is accepted.
--
-- Returns one row: for each stream whether it was accepted, and the positions of the events that
-- were written, in order.  A unique violation of `idempotency_one_answer` (or a null in
-- idempotency.at) says that a key is taken, of `definitions_one_name` that a name is: then nothing
-- at all was written.
--
-- One lock makes the order of positions the order of commits: whoever reads a position can never
-- see a lower one appear later.  It is taken before the first row is written, because everything
-- hangs on `asked`.  The snapshot of the statement is older than the lock, and that is safe: a
-- stream that was moved meanwhile is re-read and re-judged by the update (READ COMMITTED), one that
-- was born meanwhile stops the insert, and the views of a stream are written by its appends alone,
-- so an accepted stream has unchanged rows.  Rows of `attempts` and `audit` carry the version of
-- their event, so they are only ever inserted.
with locked as materialized (
  select pg_advisory_xact_lock(6077427380160)
),
asked as materialized (
  select a.*
    from locked,
         unnest($1::text[], $2::text[], $3::int[], $4::bytea[], $5::int[], $6::bytea[], $7::text[])
           with ordinality
           as a (category, id, expected, expected_hash, version, hash, project, n)
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
  select r.category, r.stream_id, r.version, r.id, r.type, r.schema_version, r.body, r.meta,
         r.project, r.recorded_at, r.hash
    from unnest($8::int[], $9::text[], $10::text[], $11::int[], $12::uuid[], $13::text[],
                $14::smallint[], $15::json[], $16::json[], $17::text[], $18::timestamptz[],
                $19::bytea[])
           as r (n, category, stream_id, version, id, type, schema_version, body, meta, project,
                 recorded_at, hash)
   where (select accepted from verdict)[r.n]
  returning position
),
executions as (
  insert into mainspring.executions
    (id, project, partition, definition, dialect, name, version, status, stream_version,
     handled_version, created_at, updated_at, reason, warning, current, waiting_for, wake_at,
     started_at, finished_at, output_version, catalog_id, triggered_by, created_by, retry_of,
     parent, parent_step, tags)
  select r.id, r.project, r.partition, r.definition, r.dialect, r.name, r.version, r.status,
         r.stream_version, r.handled_version, r.created_at, r.updated_at, r.reason, r.warning,
         r.current, r.waiting_for, r.wake_at, r.started_at, r.finished_at, r.output_version,
         r.catalog_id, r.triggered_by, r.created_by, r.retry_of, r.parent, r.parent_step, r.tags
    from unnest($20::int[], $21::uuid[], $22::text[], $23::int[], $24::text[], $25::text[],
                $26::text[], $27::text[], $28::text[], $29::int[], $30::int[], $31::timestamptz[],
                $32::timestamptz[], $33::text[], $34::text[], $35::json[], $36::text[],
                $37::timestamptz[], $38::timestamptz[], $39::timestamptz[], $40::int[],
                $41::text[], $42::text[], $43::text[], $44::uuid[], $45::uuid[], $46::text[],
                $47::json[])
           as r (n, id, project, partition, definition, dialect, name, version, status,
                 stream_version, handled_version, created_at, updated_at, reason, warning, current,
                 waiting_for, wake_at, started_at, finished_at, output_version, catalog_id,
                 triggered_by, created_by, retry_of, parent, parent_step, tags)
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
         parent_step = excluded.parent_step, tags = excluded.tags
),
steps as (
  insert into mainspring.steps
    (execution, ref, phase, visit, seq, kind, status, attempt, scheduled_at, reason, started_at,
     finished_at, due_at, output_version)
  select r.execution, r.ref, r.phase, r.visit, r.seq, r.kind, r.status, r.attempt, r.scheduled_at,
         r.reason, r.started_at, r.finished_at, r.due_at, r.output_version
    from unnest($48::int[], $49::uuid[], $50::text[], $51::text[], $52::int[], $53::int[],
                $54::text[], $55::text[], $56::int[], $57::timestamptz[], $58::text[],
                $59::timestamptz[], $60::timestamptz[], $61::timestamptz[], $62::int[])
           as r (n, execution, ref, phase, visit, seq, kind, status, attempt, scheduled_at, reason,
                 started_at, finished_at, due_at, output_version)
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
  select r.execution, r.ref, r.phase, r.visit, r.attempt, r.version, r.ok, r.started_at, r.latency,
         r.status, r.fault
    from unnest($63::int[], $64::uuid[], $65::text[], $66::text[], $67::int[], $68::int[],
                $69::int[], $70::boolean[], $71::timestamptz[], $72::double precision[],
                $73::int[], $74::text[])
           as r (n, execution, ref, phase, visit, attempt, version, ok, started_at, latency,
                 status, fault)
   where (select accepted from verdict)[r.n]
),
timers as (
  insert into mainspring.timers (execution, key, kind, partition, due_at)
  select r.execution, r.key, r.kind, r.partition, r.due_at
    from unnest($75::int[], $76::uuid[], $77::text[], $78::text[], $79::int[],
                $80::timestamptz[])
           as r (n, execution, key, kind, partition, due_at)
   where (select accepted from verdict)[r.n]
  on conflict (execution, key) do update
     set kind = excluded.kind, partition = excluded.partition, due_at = excluded.due_at
),
timers_gone as (
  delete from mainspring.timers t
   using unnest($81::int[], $82::uuid[], $83::text[]) as r (n, execution, key)
   where (select accepted from verdict)[r.n]
     and t.execution = r.execution and t.key = r.key
),
compiled as (
  insert into mainspring.compiled (hash, name, version)
  select r.hash, r.name, r.version
    from unnest($84::int[], $85::text[], $86::text[], $87::text[]) as r (n, hash, name, version)
   where (select accepted from verdict)[r.n]
  on conflict (hash) do update
     set name = excluded.name, version = excluded.version
),
definitions as (
  insert into mainspring.definitions
    (id, project, name, version, dialect, compiled, created_at, deleted_at)
  select r.id, r.project, r.name, r.version, r.dialect, r.compiled, r.created_at, r.deleted_at
    from unnest($88::int[], $89::text[], $90::text[], $91::text[], $92::text[], $93::text[],
                $94::text[], $95::timestamptz[], $96::timestamptz[])
           as r (n, id, project, name, version, dialect, compiled, created_at, deleted_at)
   where (select accepted from verdict)[r.n]
  on conflict (id) do update
     set project = excluded.project, name = excluded.name, version = excluded.version,
         dialect = excluded.dialect, compiled = excluded.compiled,
         created_at = excluded.created_at, deleted_at = excluded.deleted_at
),
audit as (
  insert into mainspring.audit
    (category, stream, version, project, actor, action, at, request_id)
  select r.category, r.stream, r.version, r.project, r.actor, r.action, r.at, r.request_id
    from unnest($97::int[], $98::text[], $99::text[], $100::int[], $101::text[], $102::text[],
                $103::text[], $104::timestamptz[], $105::text[])
           as r (n, category, stream, version, project, actor, action, at, request_id)
   where (select accepted from verdict)[r.n]
),
idempotency as (
  -- A key is free again a day after its answer.  Before that the null aborts the statement.
  insert into mainspring.idempotency as kept
    (project, actor, route, key, request_hash, status, response, location, at)
  select r.project, r.actor, r.route, r.key, r.request_hash, r.status, r.response, r.location, r.at
    from unnest($106::int[], $107::text[], $108::text[], $109::text[], $110::text[], $111::text[],
                $112::int[], $113::text[], $114::text[], $115::timestamptz[])
           as r (n, project, actor, route, key, request_hash, status, response, location, at)
   where (select accepted from verdict)[r.n]
  on conflict (project, actor, route, key) do update
     set request_hash = excluded.request_hash, status = excluded.status,
         response = excluded.response, location = excluded.location,
         at = case when kept.at <= excluded.at - interval '24 hours' then excluded.at end
)
select (select accepted from verdict) as accepted,
       (select array_agg(position order by position) from written) as positions
