-- One stored definition by its id, with the event that holds its source.
-- $1 project text  $2 id text
-- Served by definitions_pkey and events_one_per_version.
select d.*, e.type as result_type, e.schema_version as result_schema, e.body as result_body
  from mainspring.definitions d
  left join mainspring.events e
    on e.category = 'definition' and e.stream_id = d.id and e.version = 1
 where d.id = $2 and d.project = $1 and d.deleted_at is null
