-- How much was to have moved by itself before an instant and has not, and since when.
-- $1 before timestamptz
-- Served by executions_waking and starters_due.
select x.late as executions, x.since, s.late as starters
  from (
         select count(*) as late, min(wake_at) as since
           from mainspring.executions
          where wake_at is not null and wake_at < $1
       ) as x,
       (
         select count(*) as late
           from mainspring.starters
          where due_at is not null and due_at < $1
       ) as s
