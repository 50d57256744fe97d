-- The server's own subscriptions, and whether a run made them: then this server is the target of that run.
-- Where: source, any database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.format('%s in %s', s.subname, d.datname) as detail, s.subname ~ '^rds_reencrypt_[0-9a-f]{10}_' as is_of_a_run
  from pg_catalog.pg_subscription s join pg_catalog.pg_database d on d.oid = s.subdbid order by 1
