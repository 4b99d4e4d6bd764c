-- The position of the newest event, 0 for an empty log.  Served by events_pkey.
select coalesce(max(position), 0) from mainspring.events
