-- Runs of a workflow that wait for a place, oldest first.
-- $1 project text  $2 name text  $3 limit int
-- Served by executions_queued.
select *
  from mainspring.executions
 where project = $1 and name = $2 and waiting_for = 'slot'
 order by project, name, created_at, id
 limit $3
