-- Names with their newest versions, of all projects, those that began last first.
-- $1 dialect text  $2 began_at timestamptz and $3 id text of the last one seen
-- (null: from the start)  $4 limit int
-- A name begins with the oldest version that is there; its id is that of version 1, there or not.
-- Served by definitions_anywhere, definitions_one_name and events_one_per_version.
select n.*, o.first_id, o.began_at, last.version as last_version, last.created_at as last_at,
       e.type as result_type, e.schema_version as result_schema, e.body as result_body
  from (
         select d.project, d.name, d.dialect, d.created_at as began_at, f.id as first_id
           from mainspring.definitions d
           join mainspring.definitions f
             on f.project = d.project and f.name = d.name and f.version = '1'
          where d.dialect = $1 and d.deleted_at is null
            and f.dialect = $1
            and d.created_at <= coalesce($2::timestamptz, 'infinity')
            and (d.created_at, f.id)
                < (coalesce($2::timestamptz, 'infinity'), coalesce($3::text, ''))
            and not exists (
                  select from mainspring.definitions p
                   where p.project = d.project and p.name = d.name and p.dialect = d.dialect
                     and p.deleted_at is null and (p.created_at, p.id) < (d.created_at, d.id)
                )
          order by d.created_at desc, f.id desc
          limit $4
       ) as o
  cross join lateral (
         select l.version, l.created_at
           from mainspring.definitions l
          where l.project = o.project and l.name = o.name and l.dialect = o.dialect
          order by l.created_at desc, l.id desc
          limit 1
       ) as last
  cross join lateral (
         select a.*
           from mainspring.definitions a
          where a.project = o.project and a.name = o.name and a.dialect = o.dialect
            and a.deleted_at is null
          order by a.created_at desc, a.id desc
          limit 1
       ) as n
  left join mainspring.events e
    on e.category = 'definition' and e.stream_id = n.id and e.version = 1
 order by o.began_at desc, o.first_id desc
