-- Statements that put the fence's trigger on one table: ENABLE ALWAYS, so that session_replication_role does not
-- bypass it.
-- Where: source, each database, in one transaction. Privilege: owner of the table. Lock: SHARE ROW EXCLUSIVE, for as
-- long as a catalog change takes. Parameters $1: fence, $2: oid of the table.
with the as (select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
               from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = $2::oid)
select pg_catalog.format('drop trigger if exists %I on %s', $1::text, name) from the
union all
select pg_catalog.format('create trigger %I before insert or update or delete or truncate on %s '
                         'for each statement execute function %I.write()', $1, name, $1) from the
union all
select pg_catalog.format('alter table %s enable always trigger %I', name, $1) from the
