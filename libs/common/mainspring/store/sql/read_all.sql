-- The log behind a position, in order.
-- $1 after bigint  $2 types text[] (empty: all)  $3 limit int
-- Served by events_pkey.
select position, category, stream_id, version, id, type, schema_version, body, meta, project,
       recorded_at, hash
  from mainspring.events
 where position > $1
   and (cardinality($2::text[]) = 0 or type = any ($2::text[]))
 order by position
 limit $3
