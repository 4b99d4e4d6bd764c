-- Make the table of migrations that were applied; no effect when it is there.
create table if not exists mainspring.migrations (
  name text collate "C" not null,
  hash text collate "C" not null,
  applied_at timestamptz not null default now(),
  constraint migrations_pkey primary key (name)
)
