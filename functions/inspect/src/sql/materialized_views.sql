-- Materialized views, which the target has as in the snapshot.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'm' order by c.oid
