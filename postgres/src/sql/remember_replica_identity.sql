-- Statements that set REPLICA IDENTITY FULL on one table and store the previous one: by the table's oid, which stays when its
-- name or schema changes, and which is the same on a physical copy. The name is for people.
-- Where: source, each database, in one transaction. Privilege: owner of the table. Lock: ACCESS EXCLUSIVE, for as long
-- as a catalog change takes. Parameters $1: run, $2: oid of the table. Twice: the identity stored first stays.
select pg_catalog.format('insert into %I.replica_identity values (%L, %L, %L) on conflict do nothing',
                         $1::text, c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), c.relreplident)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = $2::oid
union all
select pg_catalog.format('alter table %I.%I replica identity full', n.nspname, c.relname)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = $2
