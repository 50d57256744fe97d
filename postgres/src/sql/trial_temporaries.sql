-- Whether this transaction has touched temporary objects.
-- Where: source or target, each database, in the trial's transaction. Privilege: none. Locks: none. Changes nothing.
select exists (select from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation
                where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and c.relpersistence = 't') as found
