-- Remove the rebuilt rows of streams that have changed since, to write them anew.
-- $1 categories text[]  $2 ids text[]
with changed as materialized (
  select a.* from unnest($1::text[], $2::text[]) as a (category, id)
),
runs as materialized (
  select id::uuid as id from changed where category = 'execution'
),
executions as (
  delete from mainspring_rebuilt.executions x using runs where x.id = runs.id
),
steps as (
  delete from mainspring_rebuilt.steps s using runs where s.execution = runs.id
),
attempts as (
  delete from mainspring_rebuilt.attempts a using runs where a.execution = runs.id
),
timers as (
  delete from mainspring_rebuilt.timers t using runs where t.execution = runs.id
),
triggers as (
  delete from mainspring_rebuilt.triggers t using runs where t.execution = runs.id
),
approvals as (
  delete from mainspring_rebuilt.approvals a using runs where a.execution = runs.id
),
buffered as (
  delete from mainspring_rebuilt.buffered b
   using changed c where c.category = 'buffer' and b.stream = c.id
),
compiled as (
  delete from mainspring_rebuilt.compiled k
   using changed c where c.category = 'compiled' and k.hash = c.id
),
kv as (
  delete from mainspring_rebuilt.kv k
   using changed c where c.category = 'kv' and k.stream = c.id
),
definitions as (
  delete from mainspring_rebuilt.definitions d
   using changed c where c.category = 'definition' and d.id = c.id
)
delete from mainspring_rebuilt.audit a
 using changed c where a.category = c.category and a.stream = c.id
