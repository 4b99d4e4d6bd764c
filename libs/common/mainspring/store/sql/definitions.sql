-- Stored definitions of a project that are not deleted, newest first, with their sources' events.
-- $1 project text  $2 created_at timestamptz and $3 id text of the last one seen (null: from the
-- start)  $4 limit int  $5 dialect text (null: any)
-- Served by definitions_newest and events_one_per_version.
select d.*, e.type as result_type, e.schema_version as result_schema, e.body as result_body
  from (
         select *
           from mainspring.definitions
          where project = $1 and deleted_at is null and ($5::text is null or dialect = $5)
            and (created_at, id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::text, ''))
          order by project, created_at desc, id desc
          limit $4
       ) as d
  left join mainspring.events e
    on e.category = 'definition' and e.stream_id = d.id and e.version = 1
 order by d.created_at desc, d.id desc
