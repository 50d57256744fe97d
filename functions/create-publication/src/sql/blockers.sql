-- The transactions that keep a slot from being created: the oldest with an id of their own. Never their queries.
-- Where: source. Privilege: pg_monitor. Locks: none.
(select pg_catalog.format('pid %s of %s on %s, in transaction for %s s', a.pid, a.usename, a.datname,
                         pg_catalog.round(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start))) as blocker
  from pg_catalog.pg_stat_activity a
 where a.backend_xid is not null and a.pid <> pg_catalog.pg_backend_pid() and a.xact_start < pg_catalog.now() - interval '5 s'
 order by a.xact_start limit 5)
union all
(select pg_catalog.format('prepared transaction %L of %s in %s, for %s s', p.gid, p.owner, p.database,
                          pg_catalog.round(extract(epoch from pg_catalog.clock_timestamp() - p.prepared)))
   from pg_catalog.pg_prepared_xacts p
  where p.prepared < pg_catalog.now() - interval '5 s'
  order by p.prepared limit 5)
