-- How far a reader of the log has come.
-- $1 name text
-- Served by cursors_pkey.
select position
  from mainspring.cursors
 where name = $1
