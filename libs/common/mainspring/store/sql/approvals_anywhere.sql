-- Approvals of all projects, newest first, with the events that hold what they ask.
-- $1 statuses text[] (empty: all)
-- $2 requested_at timestamptz and $3 id uuid of the last one seen (null: from the start)
-- $4 limit int
-- Served by approvals_newest, which is walked from project to project, and events_one_per_version.
with recursive projects as (
  (select project from mainspring.approvals order by project limit 1)
  union all
  select (select a.project
            from mainspring.approvals a
           where a.project > p.project
           order by a.project
           limit 1)
    from projects p
   where p.project is not null
), newest as (
  select n.*
    from projects p
   cross join lateral (
           select *
             from mainspring.approvals a
            where a.project = p.project
              and (a.requested_at, a.id)
                  < (coalesce($2::timestamptz, 'infinity'),
                     coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'))
              and (cardinality($1::text[]) = 0 or a.status = any ($1::text[]))
            order by a.project, a.requested_at desc, a.id desc
            limit $4
         ) as n
   where p.project is not null
   order by n.requested_at desc, n.id desc
   limit $4
)
select n.*, asked.type as asked_type, asked.schema_version as asked_schema,
       asked.body as asked_body
  from newest n
  left join mainspring.events asked
    on asked.category = 'execution' and asked.stream_id = n.execution::text
   and asked.version = n.ask_version
 order by n.requested_at desc, n.id desc
