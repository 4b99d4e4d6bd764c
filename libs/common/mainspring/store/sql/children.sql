-- Executions that one has started, oldest first.
-- $1 parent uuid  $2 limit int
-- Served by executions_by_parent.
select *
  from mainspring.executions
 where parent = $1
 order by parent, created_at, id
 limit $2
