-- Store a value under its own hash; one that is there becomes young again.
-- $1 ref text  $2 data bytea
-- Within an hour it is left alone: a value that is stored often would be written as often.
insert into mainspring.blobs (ref, data)
values ($1, $2)
on conflict (ref) do update set stored_at = now()
 where blobs.stored_at < now() - interval '1 hour'
