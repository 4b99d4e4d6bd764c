-- The newest versions of workflows by the ids of their first ones, with the events of their sources.
-- $1 projects text[]  $2 ids text[]
-- Where versions are words (sagas) each stands for itself.
-- Served by definitions_pkey, definitions_one_name and events_one_per_version.
select n.*, a.id as asked_id,
       e.type as result_type, e.schema_version as result_schema, e.body as result_body
  from unnest($1::text[], $2::text[]) as a (project, id)
  join mainspring.definitions f on f.id = a.id and f.project = a.project
  cross join lateral (
         select d.*
           from mainspring.definitions d
          where d.project = f.project and d.name = f.name and d.dialect = f.dialect
            and d.deleted_at is null and (f.dialect <> 'sagas' or d.id = f.id)
          order by d.created_at desc, d.id desc
          limit 1
       ) as n
  left join mainspring.events e
    on e.category = 'definition' and e.stream_id = n.id and e.version = 1
