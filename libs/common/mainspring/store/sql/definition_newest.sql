-- The newest stored definition of a name, with the event that holds its source.
-- $1 project text  $2 name text
-- Served by definitions_one_name and events_one_per_version.
select d.*, e.type as result_type, e.schema_version as result_schema, e.body as result_body
  from mainspring.definitions d
  left join mainspring.events e
    on e.category = 'definition' and e.stream_id = d.id and e.version = 1
 where d.project = $1 and d.name = $2 and d.deleted_at is null
 order by d.created_at desc, d.id desc
 limit 1
