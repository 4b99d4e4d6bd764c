-- Streams that claim a history and have no events, in order, at most one.
select s.category, s.id, s.version
  from mainspring.streams s
 where not exists (
         select from mainspring.events e where e.category = s.category and e.stream_id = s.id
       )
 order by s.category, s.id
 limit 1
