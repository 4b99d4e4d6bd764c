-- The value of a key with the event that holds it, unless it has expired.
-- $1 project text  $2 key text  $3 now timestamptz
-- Served by kv_one_key and events_one_per_version.
select k.*, e.type as set_type, e.schema_version as set_schema, e.body as set_body
  from mainspring.kv k
  left join mainspring.events e
    on e.category = 'kv' and e.stream_id = k.stream and e.version = k.version
 where k.project = $1 and k.key = $2
   and (k.expires_at is null or k.expires_at > $3::timestamptz)
