-- Projects and workflows may have so many runs that have not ended; they are counted before a start.

create index executions_live on mainspring.executions (project, name)
  where status in ('pending', 'running', 'paused', 'unwinding');
