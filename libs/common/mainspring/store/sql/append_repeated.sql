-- Where the events of refused streams stand, if they had been appended before.
-- $1 categories text[]  $2 ids text[]  $3 first versions int[]  $4 last versions int[]
-- $5 hashes of the last events bytea[]
-- Returns (n, positions) for each place n whose last event is in the log with just this hash; the
-- hash chain then says the same of those before it.
select a.n, e.positions
  from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::bytea[])
         with ordinality as a (category, id, first, last, hash, n)
 cross join lateral (
         select array_agg(position order by version) as positions,
                bool_or(version = a.last and hash = a.hash) as is_same
           from mainspring.events
          where category = a.category and stream_id = a.id
            and version between a.first and a.last
       ) as e
 where e.is_same
