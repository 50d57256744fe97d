-- The run's subscription of this database: its oid, whether it is enabled, whether its apply worker runs, and whether that
-- began just a moment ago: a failing one is started again every five seconds (wal_retrieve_retry_interval), and runs in between.
-- Where: target, any database (its name is unique on the server). Privilege: none; without pg_monitor no worker has begun
-- just now. Parameter $1: subscription. The oid comes from the statistics view, since we may not read pg_subscription.oid before 15.
select t.subid as oid, s.subenabled as enabled, pg_catalog.bool_or(t.pid is not null) as working,
       coalesce(pg_catalog.bool_or(a.backend_start > pg_catalog.clock_timestamp() - interval '10 s'), false) as began_just_now
  from pg_catalog.pg_subscription s
  join pg_catalog.pg_stat_subscription t on t.subname = s.subname and t.relid is null
  left join pg_catalog.pg_stat_activity a on a.pid = t.pid
 where s.subname = $1 group by 1, 2
