-- Workflows whose runs wait for a place.
-- $1 limit int
-- Served by executions_queued.
select distinct project, name
  from mainspring.executions
 where waiting_for = 'slot'
 order by project, name
 limit $1
