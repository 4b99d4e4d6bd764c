-- Note how far a reader of the log has come; it never goes back.
-- $1 name text  $2 position bigint
insert into mainspring.cursors as c (name, position)
values ($1, $2)
on conflict (name) do update set position = greatest(c.position, excluded.position)
