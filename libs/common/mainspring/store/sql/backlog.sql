-- Executions with facts that nobody has decided on, by project and name: how many, and since when.
-- $1 limit int: only so many of the oldest are counted.
-- Served by executions_unhandled.
select project, name as workflow, count(*)::int as runs,
       extract(epoch from min(updated_at))::float8 as since
  from (select project, name, updated_at
          from mainspring.executions
         where handled_version < stream_version
         order by updated_at
         limit $1) waiting
 group by project, name
 order by project, name
