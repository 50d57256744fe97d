-- The server's own subscriptions. Where: source, any database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.format('%s in %s', s.subname, d.datname) as told
  from pg_catalog.pg_subscription s join pg_catalog.pg_database d on d.oid = s.subdbid order by 1
