-- A starter by its id, also one that was removed, with the event that says what it is to do.
-- $1 project text (null: any)  $2 id text
-- Served by starters_pkey and events_one_per_version.
select s.*, e.type as set_type, e.schema_version as set_schema, e.body as set_body
  from mainspring.starters s
  join mainspring.events e
    on e.category = 'starter' and e.stream_id = s.id and e.version = s.set_version
 where s.id = $2 and ($1::text is null or s.project = $1)
