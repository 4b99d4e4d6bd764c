-- Events that are kept for one key, oldest first, with the events that hold their payloads.
-- $1 stream text
-- Served by buffered_pkey and events_one_per_version.
select b.*, e.type as result_type, e.schema_version as result_schema, e.body as result_body
  from mainspring.buffered b
  left join mainspring.events e
    on e.category = 'buffer' and e.stream_id = b.stream and e.version = b.version
 where b.stream = $1
 order by b.stream, b.version
