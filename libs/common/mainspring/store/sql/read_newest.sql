-- The newest events of some types in a project, newest first.
-- $1 project text  $2 types text[]  $3 before position bigint (null: from the end)
-- $4 actor text (null: any)  $5 limit int
-- Served by events_by_project.
select position, category, stream_id, version, id, type, schema_version, body, meta, project,
       recorded_at, hash
  from mainspring.events
 where project = $1 and type = any ($2::text[])
   and position < coalesce($3::bigint, 9223372036854775807)
   and ($4::text is null or coalesce(meta ->> 'actor', 'system') = $4)
 order by project desc, position desc
 limit $5
