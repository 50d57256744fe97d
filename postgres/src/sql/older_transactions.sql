-- Transactions that wrote before the fence was prepared, and have not ended: their DDL was not counted.
-- Where: source, each database. Privilege: pg_monitor. Locks: none. Changes nothing. Parameter $1: fence.
select pg_catalog.format('pid %s of %s since %s', a.pid, a.usename, a.xact_start) as transaction
  from pg_catalog.pg_event_trigger e
  join pg_catalog.pg_stat_activity a on pg_catalog.age(a.backend_xid) > pg_catalog.age(e.xmin)
 where e.evtname = $1::text || '_ddl' and a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
union all
select pg_catalog.format('prepared transaction %s of %s since %s', p.gid, p.owner, p.prepared)
  from pg_catalog.pg_event_trigger e
  join pg_catalog.pg_prepared_xacts p on pg_catalog.age(p.transaction) > pg_catalog.age(e.xmin)
 where e.evtname = $1::text || '_ddl' and p.database = pg_catalog.current_database()
