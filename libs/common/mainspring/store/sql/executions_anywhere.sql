-- Executions of all projects, newest first: the newest of each, and of those the newest.
-- $1 statuses text[] (empty: all; `status`, `status:waiting_for`, `status:undone` or
--   `status:standing`)
-- $2 name text (null: any)
-- $3 created_at timestamptz and $4 id uuid of the last one seen (null: from the start)
-- $5 limit int  $6 keys text[] and $7 values text[] of tags that they have (a null: any value)
-- $8 and $9 created_at timestamptz of the oldest and the newest that are wanted (null: all)
-- $10 part of the name text, upper and lower case alike (null: any)
-- Served by executions_newest, which is walked from project to project: an index of its own would
-- be written to at every decision of every run, for a question that people ask.
with recursive projects as (
  (select project from mainspring.executions order by project limit 1)
  union all
  select (select e.project
            from mainspring.executions e
           where e.project > p.project
           order by e.project
           limit 1)
    from projects p
   where p.project is not null
)
select newest.*
  from projects p
 cross join lateral (
         select *
           from mainspring.executions x
          where x.project = p.project
            and (x.created_at, x.id) < (coalesce($3::timestamptz, 'infinity'),
                                        coalesce($4::uuid, '00000000-0000-0000-0000-000000000000'))
            and x.created_at >= coalesce($8::timestamptz, '-infinity')
            and x.created_at <= coalesce($9::timestamptz, 'infinity')
            and (cardinality($1::text[]) = 0 or x.status = any ($1::text[])
                 or x.status || ':' || x.waiting_for = any ($1::text[])
                 or x.status || case when x.undone then ':undone' else ':standing' end
                    = any ($1::text[]))
            and ($2::text is null or x.name = $2)
            and case when $10::text is null then true
                     else position(lower($10 collate "C") in lower(x.name)) > 0 end
            and case when cardinality($6::text[]) = 0 then true
                     else not exists (
                            select from unnest($6::text[], $7::text[]) as t (key, value)
                             where x.tags ->> t.key
                                   is distinct from coalesce(t.value, x.tags ->> t.key)
                                or x.tags ->> t.key is null
                          ) end
          order by x.project, x.created_at desc, x.id desc
          limit $5
       ) as newest
 where p.project is not null
 order by newest.created_at desc, newest.id desc
 limit $5
