-- What has not ended and will not move as it should, oldest first; all of it as of one instant.
-- $1 now timestamptz  $2 before timestamptz: what is late since then  $3 limit int
-- Served by executions_stuck, executions_unhandled, executions_waking, executions_still, steps_pkey,
-- timers_due, triggers_by_execution, triggers_one_waiting_key, approvals_pending, starters_due and
-- starters_newest.  Reads all that has not ended, with its steps, all timers, all that waits, and all
-- that is kept: for a person who asks, and for no sweep.
with ended (status) as materialized (
  values ('succeeded'), ('failed'), ('corrupted'), ('canceled'), ('timed_out')
),
live as materialized (
  -- With `without_wakeup`, these are all that have not ended, and those that give notice of it.
  select id, project, name, lane, status, waiting_for, stream_version, handled_version, updated_at
    from mainspring.executions
   where wake_at is not null
   union all
  select id, project, name, lane, status, waiting_for, stream_version, handled_version, updated_at
    from mainspring.executions
   where wake_at is null and waiting_for is not null
),
open as materialized (
  select x.id, x.project, x.updated_at, s.ref, s.phase, s.kind, s.status, s.due_at,
         x.waiting_for is distinct from 'resume' as is_running,
         x.handled_version = x.stream_version and x.waiting_for <> 'resume' as is_settled
    from live x
    join mainspring.steps s on s.execution = x.id
   where s.status in ('scheduled', 'running', 'retrying', 'accepted', 'sleeping', 'waiting',
                      'splitting')
),
found as (
  (
    select 'without_wakeup' as kind, id::text as id, project, id::text as subject,
           updated_at as since
      from mainspring.executions
     where status not in ('succeeded', 'failed', 'corrupted', 'canceled', 'timed_out')
       and (waiting_for is null
            or (wake_at is null and waiting_for not in ('resume', 'event', 'approval', 'slot')))
     limit $3
  )
  union all
  (
    select 'unhandled', id::text, project, id::text, updated_at
      from mainspring.executions
     where handled_version < stream_version and updated_at < $2
     order by updated_at, id
     limit $3
  )
  union all
  (
    select 'overdue', id::text, project, id::text, wake_at
      from mainspring.executions
     where wake_at is not null and wake_at < $2 and handled_version = stream_version
     order by wake_at, id
     limit $3
  )
  union all
  (
    -- Rows are written with their events, so one that says another version was written by hand.
    select 'behind', x.id::text, x.project, x.id::text, x.updated_at
      from live x
     where x.stream_version <> (select h.version from mainspring.streams h
                                 where h.category = 'execution' and h.id = x.id::text)
     order by x.updated_at, x.id
     limit $3
  )
  union all
  (
    select 'step_lost', x.id::text, x.project, x.id::text, x.updated_at
      from live x
     where x.waiting_for in ('task', 'child', 'retry', 'callback', 'sleep', 'event', 'approval')
       and not exists (select from open s where s.id = x.id)
     order by x.updated_at, x.id
     limit $3
  )
  union all
  (
    select distinct 'lost_timer', s.id::text, s.project, s.id::text, s.updated_at
      from open s
     where s.due_at is not null and s.status in ('retrying', 'sleeping', 'accepted', 'waiting')
       and s.is_running
       and not exists (
             select from mainspring.timers t
              where t.execution = s.id
                and t.key = case s.phase when 'up' then s.ref else s.phase || ':' || s.ref end)
     limit $3
  )
  union all
  (
    -- What somebody has said counts as soon as it is written: the turn on it may be to come.
    select 'trigger_lost', s.id::text || '/' || s.ref, s.project, s.id::text, s.updated_at
      from open s
     where s.kind = 'wait' and s.phase = 'up' and s.status = 'waiting' and s.is_settled
       and not exists (select from mainspring.triggers t
                        where t.execution = s.id and t.ref = s.ref and t.status = 'waiting')
     limit $3
  )
  union all
  (
    select 'approval_lost', s.id::text || '/' || s.ref, s.project, s.id::text, s.updated_at
      from open s
     where s.kind = 'approval' and s.phase = 'up' and s.status = 'waiting' and s.is_settled
       and not exists (select from mainspring.approvals a
                        where a.execution = s.id and a.ref = s.ref and a.status = 'pending')
     limit $3
  )
  union all
  (
    select 'stray_timer', t.execution::text || '/' || t.key, coalesce(x.project, ''),
           t.execution::text, coalesce(x.updated_at, t.due_at)
      from mainspring.timers t
      left join mainspring.executions x on x.id = t.execution
     where x.id is null
        or x.waiting_for = 'resume'
        or (x.waiting_for is null and x.status in (select status from ended))
     order by t.due_at, t.execution, t.key
     limit $3
  )
  union all
  (
    select 'trigger_left', t.id::text, t.project, t.execution::text,
           coalesce(x.finished_at, t.requested_at)
      from mainspring.triggers t
      left join mainspring.executions x on x.id = t.execution
     where t.status = 'waiting' and (x.id is null or x.status in (select status from ended))
     limit $3
  )
  union all
  (
    select 'approval_left', a.id::text, a.project, a.execution::text,
           coalesce(x.finished_at, a.requested_at)
      from mainspring.approvals a
      left join mainspring.executions x on x.id = a.execution
     where a.status = 'pending' and (x.id is null or x.status in (select status from ended))
     limit $3
  )
  union all
  (
    -- Somebody waits for a place that nobody has who goes on.
    select 'place_held', q.id::text, q.project, q.id::text, q.updated_at
      from live q
     where q.waiting_for = 'slot' and q.updated_at < $2 and q.handled_version = q.stream_version
       and not exists (
             select from live x
              where x.project = q.project and x.name = q.name and x.lane = q.lane
                and x.waiting_for <> 'slot' and x.status not in (select status from ended))
     order by q.updated_at, q.id
     limit $3
  )
  union all
  (
    select 'starter_overdue', id, project, id, due_at
      from mainspring.starters
     where due_at is not null and due_at < $2
     order by due_at, id
     limit $3
  )
  union all
  (
    select 'starter_stuck', s.id, s.project, s.id, s.updated_at
      from mainspring.starters s
     where s.removed_at is null
       and ((s.next_at is null) <> (s.due_at is null)
            or s.stream_version is distinct from
               (select h.version from mainspring.streams h
                 where h.category = 'starter' and h.id = s.id))
     order by s.project, s.created_at desc, s.id desc
     limit $3
  )
  union all
  (
    select 'event_undelivered', b.stream || '/' || b.version, b.project, b.key,
           greatest(b.buffered_at, w.requested_at, o.requested_at, o.ended_at)
      from mainspring.buffered b
      left join mainspring.triggers w
        on w.project = b.project and w.key = b.key and w.status = 'waiting'
      left join mainspring.triggers o on o.id = b.trigger
     where (b.trigger is not null or (b.expires_at > $1 and w.id is not null))
       and greatest(b.buffered_at, w.requested_at, o.requested_at, o.ended_at) < $2
     limit $3
  )
)
select kind, id, project, subject, since
  from found
 order by since, kind collate "C", id collate "C"
 limit $3
