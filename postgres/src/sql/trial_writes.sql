-- The application's tables, except temporary ones, to which this transaction has written, or tried to: a statement that writes keeps its
-- lock to the end of the transaction, whether it found a row or not. A rolled back subtransaction has released it.
-- Where: source or target, each database, in the trial's transaction. Privilege: none. Locks: none. Parameter $1: the trial's run.
select distinct l.relation::pg_catalog.regclass::text as name
  from pg_catalog.pg_locks l
  join pg_catalog.pg_class c on c.oid = l.relation
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.granted
   and l.database = (select b.oid from pg_catalog.pg_database b where b.datname = pg_catalog.current_database())
   and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
   and c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and c.oid >= 16384
   and n.nspname !~ '^rds_reencrypt_[0-9a-f]{10}(_|$)' and not pg_catalog.starts_with(c.relname::text, $1::text || '_')
 order by 1
