-- The log of one project behind a position, in order.
-- $1 after bigint  $2 types text[] (empty: all)  $3 limit int  $4 project text
-- Served by events_by_project.
select position, category, stream_id, version, id, type, schema_version, body, meta, project,
       recorded_at, hash
  from mainspring.events
 where project = $4 and position > $1
   and (cardinality($2::text[]) = 0 or type = any ($2::text[]))
 order by project, position
 limit $3
