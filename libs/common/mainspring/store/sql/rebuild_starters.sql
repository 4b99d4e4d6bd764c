-- Rows of starters as they were rebuilt, to go on from where their streams had come.
-- $1 ids text[]
delete from mainspring_rebuilt.starters
 where id = any ($1::text[])
returning *
