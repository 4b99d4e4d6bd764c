-- One approval, with the event that holds what it asks.
-- $1 project text (null: any)  $2 id uuid
-- Served by approvals_pkey and events_one_per_version.
select a.*, asked.type as asked_type, asked.schema_version as asked_schema,
       asked.body as asked_body
  from mainspring.approvals a
  left join mainspring.events asked
    on asked.category = 'execution' and asked.stream_id = a.execution::text
   and asked.version = a.ask_version
 where a.id = $2 and ($1::text is null or a.project = $1)
