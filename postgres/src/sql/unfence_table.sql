-- The statement that removes the fence's trigger from one table.
-- Where: source, each database. Privilege: owner. Lock: ACCESS EXCLUSIVE, briefly. Parameters $1: fence, $2: oid.
select pg_catalog.format('drop trigger if exists %I on %I.%I', $1::text, n.nspname, c.relname)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = $2::oid
