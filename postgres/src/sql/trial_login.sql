-- The statements that call the function of a login trigger within a transaction.
-- Where: source, each database, in a transaction that is rolled back. Privilege: rds_superuser. Parameters $1: name of the objects
-- that they create, $2: the function.
select pg_catalog.format('create event trigger %I on ddl_command_start when tag in (''CREATE SCHEMA'') execute function %s()', $1::text,
                         pg_catalog.format('%I.%I', n.nspname, p.proname))
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where p.oid = pg_catalog.to_regprocedure($2::text)
union all
select pg_catalog.format('create schema %I', $1)
