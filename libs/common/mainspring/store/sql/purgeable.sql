-- The triggers of a project that ended before an instant, the first of them up to a limit: how many
-- those are, and the instant before which exactly they ended.  No row: there are none.
-- $1 project text  $2 ended_before timestamptz  $3 limit bigint (null: all)
-- Served by triggers_ended.
with cut as materialized (
  select max(ended_at) + interval '1 microsecond' as at
    from (select ended_at
            from mainspring.triggers
           where project = $1 and ended_at < $2
           order by project, ended_at
           limit $3) oldest
)
select cut.at, count(*) as count
  from cut
  join mainspring.triggers t on t.project = $1 and t.ended_at < cut.at
 group by cut.at
