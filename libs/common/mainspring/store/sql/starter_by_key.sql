-- The webhook with a key, with the event that says what it is to do.
-- $1 key text
-- Served by starters_one_key and events_one_per_version.
select s.*, e.type as set_type, e.schema_version as set_schema, e.body as set_body
  from mainspring.starters s
  join mainspring.events e
    on e.category = 'starter' and e.stream_id = s.id and e.version = s.set_version
 where s.key = $1
