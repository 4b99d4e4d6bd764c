-- Whether this database was ever migrated.
select to_regclass('mainspring.migrations') is not null
