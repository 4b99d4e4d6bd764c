-- The step visits of an execution in order of `seq`, with the events that hold their outputs.
-- $1 execution uuid
-- Served by steps_pkey and events_one_per_version.
select s.*, e.type as result_type, e.schema_version as result_schema, e.body as result_body
  from mainspring.steps s
  left join mainspring.events e
    on e.category = 'execution' and e.stream_id = s.execution::text and e.version = s.output_version
 where s.execution = $1
 order by s.seq, s.ref, s.phase, s.visit
