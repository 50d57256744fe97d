-- The run's subscription of this database: its oid, whether it is enabled, whether its apply worker lives.
-- Where: copy, any database (its name is unique on the server). Privilege: none. Parameter $1: subscription.
-- The oid comes from the statistics view, since pg_subscription.oid is closed to others before 15.
select t.subid as oid, s.subenabled as enabled, pg_catalog.bool_or(t.pid is not null) as working
  from pg_catalog.pg_subscription s
  join pg_catalog.pg_stat_subscription t on t.subname = s.subname and t.relid is null
 where s.subname = $1 group by 1, 2
