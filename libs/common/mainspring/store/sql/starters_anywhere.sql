-- Starters of all projects that are there, newest first, with the events that say what they do.
-- $1 created_at timestamptz and $2 id text of the last one seen (null: from the start)
-- $3 limit int  $4 kind text  $5 workflow text  $6 enabled bool (null: any)
-- Served by starters_newest, which is walked from project to project, and events_one_per_version.
with recursive projects as (
  (select project from mainspring.starters where removed_at is null order by project limit 1)
  union all
  select (select s.project
            from mainspring.starters s
           where s.project > p.project and s.removed_at is null
           order by s.project
           limit 1)
    from projects p
   where p.project is not null
), newest as (
  select n.*
    from projects p
   cross join lateral (
           select *
             from mainspring.starters s
            where s.project = p.project and s.removed_at is null
              and ($4::text is null or s.kind = $4) and ($5::text is null or s.workflow = $5)
              and ($6::boolean is null or s.enabled = $6)
              and (s.created_at, s.id)
                  < (coalesce($1::timestamptz, 'infinity'), coalesce($2::text, ''))
            order by s.project, s.created_at desc, s.id desc
            limit $3
         ) as n
   where p.project is not null
   order by n.created_at desc, n.id desc
   limit $3
)
select n.*, e.type as set_type, e.schema_version as set_schema, e.body as set_body
  from newest n
  join mainspring.events e
    on e.category = 'starter' and e.stream_id = n.id and e.version = n.set_version
 order by n.created_at desc, n.id desc
