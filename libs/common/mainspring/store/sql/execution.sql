-- One execution with the events that hold its payload and its output.
-- $1 id uuid  $2 project text (null: any)
-- Served by executions_pkey and events_one_per_version.
select x.*, asked.type as asked_type, asked.schema_version as asked_schema, asked.body as asked_body,
       result.type as result_type, result.schema_version as result_schema,
       result.body as result_body
  from mainspring.executions x
  left join mainspring.events asked
    on asked.category = 'execution' and asked.stream_id = x.id::text and asked.version = 1
  left join mainspring.events result
    on result.category = 'execution' and result.stream_id = x.id::text
   and result.version = x.output_version
 where x.id = $1 and ($2::text is null or x.project = $2)
