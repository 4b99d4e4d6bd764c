-- Workflows whose runs wait for a place, with the keys of these runs.
-- $1 limit int
-- Served by executions_queued.
select distinct project, name, lane
  from mainspring.executions
 where waiting_for = 'slot'
 order by project, name, lane
 limit $1
