-- The HTTP tries of an execution in order of their event's version, with those events.
-- $1 execution uuid
-- Served by attempts_pkey and events_one_per_version.
select a.*, e.type as result_type, e.schema_version as result_schema, e.body as result_body
  from mainspring.attempts a
  left join mainspring.events e
    on e.category = 'execution' and e.stream_id = a.execution::text and e.version = a.version
 where a.execution = $1
 order by a.version
