-- Write a rebuilt answer; of several under one key the newest holds, as the log's order has it.
-- $1 project text  $2 actor text  $3 route text  $4 key text  $5 request_hash text  $6 status int
-- $7 response text  $8 location text  $9 at timestamptz
insert into mainspring_rebuilt.idempotency as kept
  (project, actor, route, key, request_hash, status, response, location, at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (project, actor, route, key) do update
   set request_hash = excluded.request_hash, status = excluded.status,
       response = excluded.response, location = excluded.location, at = excluded.at
 where kept.at <= excluded.at
