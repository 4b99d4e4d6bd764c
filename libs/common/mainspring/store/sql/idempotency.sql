-- The answer that was given for an idempotency key, also when it is older than a day.
-- $1 project text  $2 actor text  $3 route text  $4 key text
-- Served by idempotency_one_answer.
select *
  from mainspring.idempotency
 where project = $1 and actor = $2 and route = $3 and key = $4
