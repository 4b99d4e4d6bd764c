-- Triggers of one execution, newest first, with the events that hold what they ask and received.
-- $1 project text  $2 statuses text[] (empty: all)
-- $3 requested_at timestamptz and $4 id uuid of the last one seen (null: from the start)
-- $5 limit int  $6 execution uuid
-- Served by triggers_by_execution and events_one_per_version.
select t.*, asked.type as asked_type, asked.schema_version as asked_schema,
       asked.body as asked_body, came.type as came_type, came.schema_version as came_schema,
       came.body as came_body
  from mainspring.triggers t
  left join mainspring.events asked
    on asked.category = 'execution' and asked.stream_id = t.execution::text
   and asked.version = t.ask_version
  left join mainspring.events came
    on came.category = 'execution' and came.stream_id = t.execution::text
   and came.version = t.payload_version
 where t.execution = $6 and t.project = $1
   and (t.requested_at, t.id) < (coalesce($3::timestamptz, 'infinity'),
                                 coalesce($4::uuid, '00000000-0000-0000-0000-000000000000'))
   and (cardinality($2::text[]) = 0 or t.status = any ($2::text[]))
 order by t.execution, t.requested_at desc, t.id desc
 limit $5
