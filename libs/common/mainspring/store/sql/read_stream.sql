-- The events of one stream behind a position, in order.
-- $1 after bigint  $2 types text[] (empty: all)  $3 limit int
-- $4 project text (null: any)  $5 category text  $6 stream id text
-- Served by events_one_per_version: within a stream the order of versions is that of positions.
select position, category, stream_id, version, id, type, schema_version, body, meta, project,
       recorded_at, hash
  from mainspring.events
 where category = $5 and stream_id = $6 and position > $1
   and ($4::text is null or project = $4)
   and (cardinality($2::text[]) = 0 or type = any ($2::text[]))
 order by category, stream_id, version
 limit $3
