-- The version of a stream.
-- $1 category text  $2 id text
-- Served by streams_pkey.
select version from mainspring.streams where category = $1 and id = $2
