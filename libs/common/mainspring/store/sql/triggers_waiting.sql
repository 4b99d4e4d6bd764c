-- Waiting triggers of a project whose keys begin with a prefix, in order of their keys.
-- $1 project text  $2 prefix text  $3 key text of the last one seen (null: from the start)
-- $4 limit int
-- Served by triggers_one_waiting_key.
select *
  from mainspring.triggers
 where project = $1 and status = 'waiting' and key >= $2 and starts_with(key, $2)
   and ($3::text is null or key > $3)
 order by project, key
 limit $4
