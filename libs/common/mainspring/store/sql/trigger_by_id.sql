-- One trigger, with the events that hold what it asks and what it received.
-- $1 project text (null: any)  $2 id uuid
-- Served by triggers_pkey and events_one_per_version.
select t.*, asked.type as asked_type, asked.schema_version as asked_schema,
       asked.body as asked_body, came.type as came_type, came.schema_version as came_schema,
       came.body as came_body
  from mainspring.triggers t
  left join mainspring.events asked
    on asked.category = 'execution' and asked.stream_id = t.execution::text
   and asked.version = t.ask_version
  left join mainspring.events came
    on came.category = 'execution' and came.stream_id = t.execution::text
   and came.version = t.payload_version
 where t.id = $2 and ($1::text is null or t.project = $1)
