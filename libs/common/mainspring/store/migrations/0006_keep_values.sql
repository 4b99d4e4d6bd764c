-- Values that outlive runs, by project and key.

create table mainspring.kv (
  stream text collate "C" not null,
  project text collate "C" not null,
  key text collate "C" not null,
  version int not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  expires_at timestamptz,
  constraint kv_pkey primary key (stream)
) with (fillfactor = 80);

create unique index kv_one_key on mainspring.kv (project, key);
