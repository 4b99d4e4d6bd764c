-- The rows that follow from one stream, as texts to be compared; answers and the audit are left out,
-- which nothing waits for.
-- $1 category text  $2 id text
with run as materialized (
  select case when $1 = 'execution' then $2::text::uuid end as id
)
select 'executions' as view, '' as key, x::text as row
  from mainspring.executions x, run where x.id = run.id
union all
select 'steps', '', s::text from mainspring.steps s, run where s.execution = run.id
union all
select 'attempts', '', a::text from mainspring.attempts a, run where a.execution = run.id
union all
select 'timers', '', t::text from mainspring.timers t, run where t.execution = run.id
union all
select 'triggers', t.id::text, t::text from mainspring.triggers t, run where t.execution = run.id
union all
select 'approvals', '', a::text from mainspring.approvals a, run where a.execution = run.id
union all
select 'starters', '', s::text from mainspring.starters s where $1 = 'starter' and s.id = $2
union all
select 'buffered', b.version::text, b::text
  from mainspring.buffered b where $1 = 'buffer' and b.stream = $2
