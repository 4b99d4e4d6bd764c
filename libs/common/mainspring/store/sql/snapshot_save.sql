-- Keep a folded state unless a later one is kept.
-- $1 category text  $2 stream id text  $3 version int  $4 hash bytea  $5 state bytea
insert into mainspring.snapshots as kept (category, stream_id, version, hash, state)
values ($1, $2, $3, $4, $5)
on conflict (category, stream_id) do update
   set version = excluded.version, hash = excluded.hash, state = excluded.state
 where kept.version <= excluded.version
