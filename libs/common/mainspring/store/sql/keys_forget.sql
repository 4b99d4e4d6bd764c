-- Delete answers under idempotency keys that are older than an instant, the oldest first, and
-- count them.
-- $1 before timestamptz  $2 limit int
-- One that is taken again meanwhile is newer, and stays.
-- Served by idempotency_by_age.
with gone as (
  delete from mainspring.idempotency
   where ctid = any (array(
     select ctid
       from mainspring.idempotency
      where at < $1
      order by at
      limit $2
        for update skip locked
   ))
  returning 1
)
select count(*)::int from gone
