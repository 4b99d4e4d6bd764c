-- Remove the rows that follow from one stream, to write them anew.
-- $1 category text  $2 id text
with run as materialized (
  select case when $1 = 'execution' then $2::text::uuid end as id
),
executions as (
  delete from mainspring.executions x using run where x.id = run.id
),
steps as (
  delete from mainspring.steps s using run where s.execution = run.id
),
attempts as (
  delete from mainspring.attempts a using run where a.execution = run.id
),
timers as (
  delete from mainspring.timers t using run where t.execution = run.id
),
triggers as (
  delete from mainspring.triggers t using run where t.execution = run.id
),
approvals as (
  delete from mainspring.approvals a using run where a.execution = run.id
),
snapshots as (
  -- A state that was folded from the log belongs to what is folded anew.
  delete from mainspring.snapshots k where k.category = $1 and k.stream_id = $2
),
starters as (
  delete from mainspring.starters s where $1 = 'starter' and s.id = $2
)
delete from mainspring.buffered b where $1 = 'buffer' and b.stream = $2
