-- The folded states that are kept of these streams.
-- $1 categories text[]  $2 ids text[]
-- Served by snapshots_pkey.
select k.category, k.stream_id, k.version, k.hash, k.state
  from unnest($1::text[], $2::text[]) as s (category, id)
 cross join lateral (
         select *
           from mainspring.snapshots k
          where k.category = s.category and k.stream_id = s.id
         offset 0
       ) as k
