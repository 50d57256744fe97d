-- Unlogged tables: they are empty on the target.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.relpersistence = 'u' order by c.oid
