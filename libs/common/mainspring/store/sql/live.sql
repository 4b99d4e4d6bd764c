-- How many runs of a project have not ended, counted up to a bound.
-- $1 project text  $2 first name text  $3 last name text: one name twice, or the least and the last.
-- $4 bound int
-- Served by executions_live.
select count(*)::int
  from (select 1
          from mainspring.executions
         where project = $1 and name >= $2 and name <= $3
           and status in ('pending', 'running', 'paused', 'unwinding')
         limit $4) live
