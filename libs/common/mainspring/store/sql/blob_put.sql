-- Store a value under its own hash; no effect when it is there.
-- $1 ref text  $2 data bytea
insert into mainspring.blobs (ref, data)
values ($1, $2)
on conflict do nothing
