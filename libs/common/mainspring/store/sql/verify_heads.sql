-- Where streams end by their own word.
-- $1 categories text[]  $2 ids text[]
-- Served by streams_pkey.
select s.category, s.id, s.version, s.hash, s.project
  from unnest($1::text[], $2::text[]) as a (category, id)
  join mainspring.streams s on s.category = a.category and s.id = a.id
