-- The events of streams behind a version, in order of version within each.
-- $1 categories text[]  $2 ids text[]  $3 after int
-- Served by events_one_per_version; `offset 0` keeps the look-up inside the loop over streams.
select e.position, e.category, e.stream_id, e.version, e.id, e.type, e.schema_version, e.body,
       e.meta, e.project, e.recorded_at, e.hash
  from unnest($1::text[], $2::text[]) with ordinality as s (category, id, n)
 cross join lateral (
         select *
           from mainspring.events e
          where e.category = s.category and e.stream_id = s.id and e.version > $3
          order by e.category, e.stream_id, e.version
         offset 0
       ) as e
