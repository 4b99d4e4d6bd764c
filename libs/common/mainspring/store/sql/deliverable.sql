-- Keys that a trigger waits with while an event is kept for them, and keys with an offer to look at.
-- $1 now timestamptz  $2 limit int
-- Reads all of `buffered`, which holds what nobody has waited for yet, and asks for each of its keys
-- with triggers_one_waiting_key.  For a sweep that comes seldom.
select distinct b.project, b.key
  from mainspring.buffered b
 where b.trigger is not null
    or (b.expires_at > $1
        and exists (select from mainspring.triggers t
                     where t.project = b.project and t.key = b.key and t.status = 'waiting'))
 limit $2
