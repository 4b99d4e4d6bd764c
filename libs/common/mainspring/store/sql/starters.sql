-- Starters of a project that are there, newest first, with the events that say what they are to do.
-- $1 project text  $2 created_at timestamptz and $3 id text of the last one seen (null: from the
-- start)  $4 limit int  $5 kind text  $6 workflow text  $7 enabled bool (null: any)
-- Served by starters_newest and events_one_per_version.
select s.*, e.type as set_type, e.schema_version as set_schema, e.body as set_body
  from (
         select *
           from mainspring.starters
          where project = $1 and removed_at is null
            and ($5::text is null or kind = $5) and ($6::text is null or workflow = $6)
            and ($7::boolean is null or enabled = $7)
            and (created_at, id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::text, ''))
          order by project, created_at desc, id desc
          limit $4
       ) as s
  join mainspring.events e
    on e.category = 'starter' and e.stream_id = s.id and e.version = s.set_version
 order by s.created_at desc, s.id desc
