-- The events in eight parts by their stream: what is unique stays unique over all of them.
alter table mainspring.events rename to whole;
alter table mainspring.whole rename constraint events_pkey to whole_pkey;
alter table mainspring.whole rename constraint events_one_per_version to whole_one_per_version;
alter index mainspring.events_by_project rename to whole_by_project;

create table mainspring.events (
  like mainspring.whole including defaults including identity including storage,
  constraint events_pkey primary key (position, stream_id),
  constraint events_one_per_version unique (category, stream_id, version)
) partition by hash (stream_id);
create index events_by_project on mainspring.events (project, position);

do $$ begin
  for n in 0..7 loop
    execute format('create table mainspring.events_%s partition of mainspring.events '
                   'for values with (modulus 8, remainder %s)', n, n);
  end loop;
end $$;

insert into mainspring.events overriding system value select * from mainspring.whole;
select setval(pg_get_serial_sequence('mainspring.events', 'position'),
              (select max(position) from mainspring.whole));
drop table mainspring.whole;
