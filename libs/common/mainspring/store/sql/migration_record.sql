-- Record that a migration was applied.
-- $1 name text  $2 hash text
insert into mainspring.migrations (name, hash)
values ($1, $2)
