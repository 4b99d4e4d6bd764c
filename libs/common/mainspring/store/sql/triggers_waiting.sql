-- Waiting triggers of a project whose keys begin with a prefix, in order of their keys.
-- $1 project text  $2 prefix text  $3 key text of the last one seen (null: from the start)
-- $4 limit int
-- Served by triggers_one_waiting_key.
select *
  from mainspring.triggers
 where project = $1 and status = 'waiting' and starts_with(key, $2)
   -- Between the prefix and the last key that can begin so: a plan for all parameters sees no
   -- range in starts_with, and would read on to the project's last key.
   and key >= $2 and key <= $2 || repeat(chr(1114111), 128)
   and ($3::text is null or key > $3)
 order by project, key
 limit $4
