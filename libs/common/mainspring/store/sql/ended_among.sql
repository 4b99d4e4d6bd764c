-- Which of these executions have ended.
-- $1 ids uuid[]
-- Served by executions_pkey.
select id
  from mainspring.executions
 where id = any ($1::uuid[])
   and status in ('succeeded', 'failed', 'corrupted', 'canceled', 'timed_out')
