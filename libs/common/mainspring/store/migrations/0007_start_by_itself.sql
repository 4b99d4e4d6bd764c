-- Schedules, webhooks and followers start runs by themselves.

create table mainspring.starters (
  id text collate "C" not null,
  project text collate "C" not null,
  partition int not null,
  dialect text collate "C" not null,
  workflow text collate "C" not null,
  kind text collate "C" not null,
  name text not null,
  origin text collate "C" not null,
  enabled boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  set_version int not null,
  stream_version int not null,
  stream_hash text collate "C" not null,
  key text collate "C",
  follows text collate "C",
  next_at timestamptz,
  due_at timestamptz,
  last_at timestamptz,
  last_execution text collate "C",
  last_error text,
  note text,
  removed_at timestamptz,
  constraint starters_pkey primary key (id)
) with (fillfactor = 80);

create unique index starters_one_key on mainspring.starters (key) where key is not null;

create index starters_newest on mainspring.starters (project, created_at desc, id desc)
  where removed_at is null;

create index starters_due on mainspring.starters (due_at, id) where due_at is not null;

create index starters_following on mainspring.starters (created_at, id)
  where follows is not null and enabled and removed_at is null;

-- How far a reader of the log has come.
create table mainspring.cursors (
  name text collate "C" not null,
  position bigint not null,
  constraint cursors_pkey primary key (name)
);
