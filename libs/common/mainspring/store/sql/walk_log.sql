-- The whole log, stream by stream, behind one event.
-- $1 category text  $2 stream id text  $3 version int of the last one seen  $4 limit int
-- Served by events_one_per_version.
select position, category, stream_id, version, id, type, schema_version, body, meta, project,
       recorded_at, hash
  from mainspring.events
 where (category, stream_id, version) > ($1, $2, $3)
 order by category, stream_id, version
 limit $4
