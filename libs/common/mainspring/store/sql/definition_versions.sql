-- The versions of a name that are not deleted, newest first, with the events of their sources.
-- $1 project text  $2 dialect text  $3 name text  $4 created_at timestamptz and $5 id text of the
-- last one seen (null: from the start)  $6 limit int
-- Served by definitions_one_name and events_one_per_version.
select d.*, e.type as result_type, e.schema_version as result_schema, e.body as result_body
  from (
         select *
           from mainspring.definitions
          where project = $1 and name = $3 and dialect = $2 and deleted_at is null
            and (created_at, id) < (coalesce($4::timestamptz, 'infinity'), coalesce($5::text, ''))
          order by created_at desc, id desc
          limit $6
       ) as d
  left join mainspring.events e
    on e.category = 'definition' and e.stream_id = d.id and e.version = 1
 order by d.created_at desc, d.id desc
