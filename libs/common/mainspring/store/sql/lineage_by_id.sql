-- The versions of a name whose first one has this id: the last one, and the newest that is there.
-- $1 project text (null: any)  $2 dialect text  $3 id text
-- Served by definitions_pkey, definitions_one_name and events_one_per_version.
select n.*, f.id as first_id, last.version as last_version, last.created_at as last_at,
       (select min(o.created_at)
          from mainspring.definitions o
         where o.project = f.project and o.name = f.name and o.dialect = f.dialect
           and o.deleted_at is null) as began_at,
       e.type as result_type, e.schema_version as result_schema, e.body as result_body
  from mainspring.definitions f
  cross join lateral (
         select l.version, l.created_at
           from mainspring.definitions l
          where l.project = f.project and l.name = f.name and l.dialect = f.dialect
          order by l.created_at desc, l.id desc
          limit 1
       ) as last
  left join lateral (
         select a.*
           from mainspring.definitions a
          where a.project = f.project and a.name = f.name and a.dialect = f.dialect
            and a.deleted_at is null
          order by a.created_at desc, a.id desc
          limit 1
       ) as n on true
  left join mainspring.events e
    on e.category = 'definition' and e.stream_id = n.id and e.version = 1
 where f.id = $3 and f.project = coalesce($1::text, f.project) and f.dialect = $2
   and f.version = '1'
