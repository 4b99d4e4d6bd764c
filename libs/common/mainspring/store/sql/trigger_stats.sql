-- How many triggers of a project there are by status, and how long the received ones waited.
-- $1 project text
-- Served by triggers_newest.
select status, count(*) as count,
       extract(epoch from avg(received_at - requested_at))::double precision as waited
  from mainspring.triggers
 where project = $1
 group by status
