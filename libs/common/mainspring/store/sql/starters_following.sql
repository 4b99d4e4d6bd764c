-- Starters that follow the ends of runs, oldest first, with the events that say which ones.
-- $1 limit int
-- Served by starters_following and events_one_per_version.
select s.*, e.type as set_type, e.schema_version as set_schema, e.body as set_body
  from (
         select *
           from mainspring.starters
          where follows is not null and enabled and removed_at is null
          order by created_at, id
          limit $1
       ) as s
  join mainspring.events e
    on e.category = 'starter' and e.stream_id = s.id and e.version = s.set_version
 order by s.created_at, s.id
