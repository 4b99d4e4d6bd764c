-- Approvals of one execution, newest first, with the events that hold what they ask.
-- $1 project text (null: any)  $2 statuses text[] (empty: all)
-- $3 requested_at timestamptz and $4 id uuid of the last one seen (null: from the start)
-- $5 limit int  $6 execution uuid
-- Served by approvals_by_execution and events_one_per_version.
select a.*, asked.type as asked_type, asked.schema_version as asked_schema,
       asked.body as asked_body
  from mainspring.approvals a
  left join mainspring.events asked
    on asked.category = 'execution' and asked.stream_id = a.execution::text
   and asked.version = a.ask_version
 where a.execution = $6 and ($1::text is null or a.project = $1)
   and (a.requested_at, a.id) < (coalesce($3::timestamptz, 'infinity'),
                                 coalesce($4::uuid, '00000000-0000-0000-0000-000000000000'))
   and (cardinality($2::text[]) = 0 or a.status = any ($2::text[]))
 order by a.execution, a.requested_at desc, a.id desc
 limit $5
