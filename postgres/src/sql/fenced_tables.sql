-- Tables that have the fence's trigger. Where: source, each database. Privilege: none. Parameter $1: fence.
select t.tgrelid as oid from pg_catalog.pg_trigger t where t.tgname = $1 order by t.tgrelid
