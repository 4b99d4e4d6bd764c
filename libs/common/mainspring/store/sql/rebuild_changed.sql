-- Streams that have events behind a position and up to another, each once.
-- $1 after bigint  $2 up to bigint
-- Served by events_pkey.
select distinct category, stream_id
  from mainspring.events
 where position > $1 and position <= $2
