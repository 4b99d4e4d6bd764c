-- Executions of a project, newest first.
-- $1 project text  $2 statuses text[] (empty: all; `status`, `status:waiting_for`,
--   `status:undone` or `status:standing`)
-- $3 name text (null: any)
-- $4 created_at timestamptz and $5 id uuid of the last one seen (null: from the start)
-- $6 limit int  $7 key and $8 value text of a tag that they have (null: any)
-- $9 created_at timestamptz of the oldest that are wanted (null: all)
-- Served by executions_newest.  A case, because an or makes the planner expect next to nothing, and
-- sort that instead of following the index.
select *
  from mainspring.executions
 where project = $1
   and (created_at, id) < (coalesce($4::timestamptz, 'infinity'),
                           coalesce($5::uuid, '00000000-0000-0000-0000-000000000000'))
   and created_at >= coalesce($9::timestamptz, '-infinity')
   and (cardinality($2::text[]) = 0 or status = any ($2::text[])
        or status || ':' || waiting_for = any ($2::text[])
        or status || case when undone then ':undone' else ':standing' end = any ($2::text[]))
   and ($3::text is null or name = $3)
   and case when $7::text is null then true else tags ->> $7 = coalesce($8::text, tags ->> $7) end
 order by project, created_at desc, id desc
 limit $6
