-- The events that hold what executions were started with.
-- $1 ids text[]
-- Served by events_one_per_version.
select stream_id, type as asked_type, schema_version as asked_schema, body as asked_body
  from mainspring.events
 where category = 'execution' and stream_id = any ($1::text[]) and version = 1
