-- The keys of a project that begin with a prefix, in order, with the events that hold their values.
-- $1 project text  $2 prefix text  $3 after text (null: from the start)  $4 limit int
-- $5 now timestamptz  $6 with the values bool
-- Served by kv_one_key and events_one_per_version.
select k.*, e.type as set_type, e.schema_version as set_schema, e.body as set_body
  from mainspring.kv k
  left join mainspring.events e
    on $6::bool and e.category = 'kv' and e.stream_id = k.stream and e.version = k.version
 where k.project = $1
   and k.key >= $2 and starts_with(k.key, $2)
   and k.key > coalesce($3::text, '')
   and (k.expires_at is null or k.expires_at > $5::timestamptz)
 order by k.project, k.key
 limit $4
