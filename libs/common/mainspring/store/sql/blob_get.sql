-- A stored value.
-- $1 ref text
-- Served by blobs_pkey.
select data from mainspring.blobs where ref = $1
