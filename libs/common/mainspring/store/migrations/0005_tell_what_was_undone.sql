-- A run that ended badly is found by whether what it had done was undone.

alter table mainspring.executions add column undone boolean not null default false;

update mainspring.executions x
   set undone = true
 where status in ('failed', 'canceled', 'timed_out', 'corrupted')
   and exists (select from mainspring.steps s
                where s.execution = x.id and s.phase = 'down' and s.status = 'succeeded');
