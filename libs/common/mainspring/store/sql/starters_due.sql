-- Schedules that are due, in due order, with the events that say what they are to do.
-- $1 partitions int[]  $2 until timestamptz  $3 limit int
-- Served by starters_due and events_one_per_version.
select s.*, e.type as set_type, e.schema_version as set_schema, e.body as set_body
  from (
         select *
           from mainspring.starters
          where due_at <= $2 and partition = any ($1::int[])
          order by due_at, id
          limit $3
       ) as s
  join mainspring.events e
    on e.category = 'starter' and e.stream_id = s.id and e.version = s.set_version
 order by s.due_at, s.id
