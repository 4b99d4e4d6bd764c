-- Delete values that nobody has stored for so long, the oldest first, and count them.
-- $1 seconds double precision  $2 limit int
-- Whoever stores one of them meanwhile waits for its row, and then stores it anew.
-- Served by blobs_by_age, blobs_pkey.
with gone as (
  delete from mainspring.blobs
   where ref = any (array(
     select ref
       from mainspring.blobs
      where stored_at <= now() - make_interval(secs => $1)
      order by stored_at
      limit $2
        for update skip locked
   ))
  returning 1
)
select count(*)::int from gone
