-- Holders of locks on tables of this database for a second or more, oldest first, as texts for people: sessions other
-- than ours, and prepared transactions, which have no session. Never their queries.
-- Where: source or target, each database. Privilege: pg_monitor, else without names. Locks: none. Changes nothing.
(select pg_catalog.format('pid %s of %s, in transaction for %s s', a.pid, coalesce(a.usename, a.backend_type),
                          pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start))) as detail
   from pg_catalog.pg_stat_activity a
  where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
    and a.application_name <> pg_catalog.current_setting('application_name')
    and a.xact_start < pg_catalog.clock_timestamp() - interval '1 s'
    and exists (select from pg_catalog.pg_locks l
                 where l.pid = a.pid and l.locktype = 'relation' and l.granted and l.relation >= 16384)
  order by a.xact_start limit 5)
union all
(select pg_catalog.format('prepared transaction %L of %s, prepared %s s ago', p.gid, p.owner,
                          pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - p.prepared)))
   from pg_catalog.pg_prepared_xacts p where p.database = pg_catalog.current_database()
  order by p.prepared limit 5)
