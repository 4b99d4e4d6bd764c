-- Executions of a project, newest first.
-- $1 project text  $2 statuses text[] (empty: all; `status`, `status:waiting_for`,
--   `status:undone` or `status:standing`)
-- $3 name text (null: any)
-- $4 created_at timestamptz and $5 id uuid of the last one seen (null: from the start)
-- $6 limit int  $7 keys text[] and $8 values text[] of tags that they have (a null: any value)
-- $9 and $10 created_at timestamptz of the oldest and the newest that are wanted (null: all)
-- $11 part of the name text, upper and lower case alike (null: any)
-- Served by executions_newest.  Cases, because an or makes the planner expect next to nothing, and
-- sort that instead of following the index, and what does not exist is looked for by a join.
select *
  from mainspring.executions
 where project = $1
   and (created_at, id) < (coalesce($4::timestamptz, 'infinity'),
                           coalesce($5::uuid, '00000000-0000-0000-0000-000000000000'))
   and created_at >= coalesce($9::timestamptz, '-infinity')
   and created_at <= coalesce($10::timestamptz, 'infinity')
   and (cardinality($2::text[]) = 0 or status = any ($2::text[])
        or status || ':' || waiting_for = any ($2::text[])
        or status || case when undone then ':undone' else ':standing' end = any ($2::text[]))
   and ($3::text is null or name = $3)
   and case when $11::text is null then true
            else position(lower($11 collate "C") in lower(name)) > 0 end
   and case when cardinality($7::text[]) = 0 then true
            else not exists (
                   select from unnest($7::text[], $8::text[]) as t (key, value)
                    where tags ->> t.key is distinct from coalesce(t.value, tags ->> t.key)
                       or tags ->> t.key is null
                 ) end
 order by project, created_at desc, id desc
 limit $6
