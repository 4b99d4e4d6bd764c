-- The trigger of a key that waits, else its newest, with the events that hold what it asks and what
-- it received.  Writers' clocks differ, so one that waits may look older than one that has ended.
-- $1 project text  $2 key text  $3 sent_by text (null: whoever sent to it)
-- Served by triggers_by_key, triggers_one_waiting_key and events_one_per_version.
with found as (
  (select * from mainspring.triggers
    where project = $1 and key = $2 and status = 'waiting' and $3::text is null)
  union all
  (select * from mainspring.triggers
    where project = $1 and key = $2 and ($3::text is null or sent_by = $3)
    order by requested_at desc, id desc
    limit 1)
), first as (
  select * from found order by (status = 'waiting') desc limit 1
)
select t.*, asked.type as asked_type, asked.schema_version as asked_schema,
       asked.body as asked_body, came.type as came_type, came.schema_version as came_schema,
       came.body as came_body
  from first t
  left join mainspring.events asked
    on asked.category = 'execution' and asked.stream_id = t.execution::text
   and asked.version = t.ask_version
  left join mainspring.events came
    on came.category = 'execution' and came.stream_id = t.execution::text
   and came.version = t.payload_version
