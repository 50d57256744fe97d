-- Prepared transactions of this database, oldest first, as texts for people: they hold locks without a session.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.format('%L of %s, prepared %s s ago', p.gid, p.owner,
                         pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - p.prepared))) as detail
  from pg_catalog.pg_prepared_xacts p where p.database = pg_catalog.current_database() order by p.prepared
