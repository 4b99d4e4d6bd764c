-- Definitions of a dialect are listed over all projects, where nobody is asked who they are.

create index definitions_anywhere on mainspring.definitions (dialect, created_at desc, id desc)
  where deleted_at is null;
