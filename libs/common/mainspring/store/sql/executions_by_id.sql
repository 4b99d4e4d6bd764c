-- Executions by their ids.
-- $1 ids uuid[]
-- Served by executions_pkey.
select *
  from mainspring.executions
 where id = any ($1::uuid[])
