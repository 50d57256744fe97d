-- Prepared transactions, oldest first, as texts for people.
-- Where: source, any database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.format('%L of %s in %s, %s s', p.gid, p.owner, p.database,
                         pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - p.prepared))) as told
  from pg_catalog.pg_prepared_xacts p order by p.prepared
