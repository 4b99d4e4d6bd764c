-- The events in sixteen parts by position, which is the order of time: the oldest can be put away.
-- Of a version there is one in each part; that there is one in all is what `streams` sees to.
alter table mainspring.events rename to whole;
alter table mainspring.whole rename constraint events_pkey to whole_pkey;
alter table mainspring.whole rename constraint events_one_per_version to whole_one_per_version;
alter index mainspring.events_by_project rename to whole_by_project;

create table mainspring.events (
  like mainspring.whole including defaults including identity including storage,
  constraint events_pkey primary key (position),
  constraint events_one_per_version unique (category, stream_id, version, position)
) partition by range (position);
create index events_by_project on mainspring.events (project, position);

do $$ begin
  for n in 0..15 loop
    execute format('create table mainspring.events_%s partition of mainspring.events '
                   'for values from (%s) to (%s)', n, 25000 * n, 25000 * (n + 1));
  end loop;
end $$;

insert into mainspring.events overriding system value select * from mainspring.whole;
select setval(pg_get_serial_sequence('mainspring.events', 'position'),
              (select max(position) from mainspring.whole));
drop table mainspring.whole;
