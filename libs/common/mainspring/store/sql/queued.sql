-- Runs of a workflow that wait for a place, oldest first: those with one key.
-- $1 project text  $2 name text  $3 lane text  $4 limit int
-- Served by executions_queued.
select *
  from mainspring.executions
 where project = $1 and name = $2 and lane = $3 and waiting_for = 'slot'
 order by project, name, lane, created_at, id
 limit $4
