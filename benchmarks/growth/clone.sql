-- Add copies of a run: its stream and events, and the rows of the views that speak of it.
-- The table `asked` has one row: the run's id, how many copies, how many seconds ago the first of
-- them was, and how many seconds are between two.
create temp table copies on commit drop as
select n, uuidv7() as id, uuidv7() as trigger,
       make_interval(secs => (extract(epoch from now()) - a.back + n * a.apart
                              - extract(epoch from e.created_at))::float8) as later,
       a.id as original, t.id as original_trigger
  from asked a
  join mainspring.executions e on e.id = a.id
  left join mainspring.triggers t on t.execution = a.id
 cross join lateral generate_series(1, a.runs) as n;

analyze copies;

create temp table told on commit drop as
with recursive written as (
  select n, 0 as version, null::text as body, null::mainspring.events as event,
         null::timestamptz as at, decode(repeat('00', 32), 'hex') as hash
    from copies
  union all
  select w.n, e.version, b.body, e, e.recorded_at + c.later,
         sha256(w.hash || convert_to(format(E'%s\n%s\n%s\n%s\n%s\n%s\n%s\n', e.category, c.id,
                  e.version, e.type, e.schema_version, e.project,
                  round(extract(epoch from e.recorded_at + c.later) * 1000000)), 'UTF8')
                || convert_to(e.meta::text, 'UTF8') || '\x0a'::bytea || convert_to(b.body, 'UTF8'))
    from written w
    join copies c on c.n = w.n
    join mainspring.events e on e.category = 'execution' and e.stream_id = c.original::text
                            and e.version = w.version + 1
   cross join lateral (
           select replace(replace(e.body::text, c.original::text, c.id::text),
                          coalesce(c.original_trigger::text, 'no trigger'), c.trigger::text)
         ) as b (body)
)
select * from written where version > 0;

analyze told;

insert into mainspring.events
  (category, stream_id, version, id, type, schema_version, body, meta, project, recorded_at, hash)
select 'execution', c.id::text, t.version,
       -- A version 7 id: the millisecond, then bits of the hash.
       (lpad(to_hex(floor(extract(epoch from t.at) * 1000)::bigint), 12, '0') || '7'
        || lpad(to_hex(substring(d.bits from 7 for 12)::bit(12)::int), 3, '0')
        || lpad(to_hex((b'10' || substring(d.bits from 19 for 62))::bit(64)::bigint), 16, '0')
       )::uuid,
       (t.event).type, (t.event).schema_version,
       t.body::json, (t.event).meta, (t.event).project, t.at, t.hash
  from told t
  join copies c on c.n = t.n
 cross join lateral (
         select ('x' || substr(encode(t.hash, 'hex'), 1, 20))::bit(80)
       ) as d (bits)
 order by t.version, t.n;

insert into mainspring.streams (category, id, version, hash, project)
select distinct on (c.id) 'execution', c.id::text, t.version, t.hash, (t.event).project
  from told t
  join copies c on c.n = t.n
 order by c.id, t.version desc;

insert into mainspring.executions
select (jsonb_populate_record(e, jsonb_build_object(
          'id', c.id, 'created_at', e.created_at + c.later, 'updated_at', e.updated_at + c.later,
          'started_at', e.started_at + c.later, 'finished_at', e.finished_at + c.later))).*
  from copies c
  join mainspring.executions e on e.id = c.original;

insert into mainspring.steps
select (jsonb_populate_record(s, jsonb_build_object(
          'execution', c.id, 'scheduled_at', s.scheduled_at + c.later,
          'started_at', s.started_at + c.later, 'finished_at', s.finished_at + c.later))).*
  from copies c
  join mainspring.steps s on s.execution = c.original;

insert into mainspring.attempts
select (jsonb_populate_record(a, jsonb_build_object(
          'execution', c.id, 'started_at', a.started_at + c.later))).*
  from copies c
  join mainspring.attempts a on a.execution = c.original;

insert into mainspring.timers
select (jsonb_populate_record(t, jsonb_build_object('execution', c.id))).*
  from copies c
  join mainspring.timers t on t.execution = c.original;

insert into mainspring.triggers
select (jsonb_populate_record(t, jsonb_build_object(
          'id', c.trigger, 'execution', c.id, 'key', t.key || ':' || c.id))).*
  from copies c
  join mainspring.triggers t on t.execution = c.original;

drop table copies, told, asked;
