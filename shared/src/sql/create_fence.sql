-- Statements that make the fence's functions, open, and the event trigger by which DDL can be held and counted. DDL takes
-- a shared lock until its transaction ends, which the cutover takes alone (hold_ddl.sql); whoever waits for it finds out
-- behind it whether the fence was closed: a function that is called is the current one, whatever the snapshot. What
-- makes temporary objects alone passes. Roles, databases and large objects fire no event triggers. The first statement
-- fails where the cutover was cancelled, and keeps it from being so meanwhile.
-- Where: source, each database, in one transaction. Privilege: CREATE on the database; rds_superuser for event
-- triggers. Parameters $1: fence, $2: run. Not run where it is prepared. The function runs as its owner, since whoever makes
-- DDL has no rights in the fence's schema.
select pg_catalog.format('lock table %I.marks in access share mode', $2::text)
union all
select pg_catalog.format('create schema if not exists %I', $1::text)
union all
select pg_catalog.format('create function %I.write() returns trigger language plpgsql as %L', $1, 'begin return null; end')
union all
select pg_catalog.format('create function %I.refuse_ddl() returns void language plpgsql as %L', $1, 'begin end')
union all
select pg_catalog.format('create sequence %I.ddl_count', $1)
union all
select pg_catalog.format('create function %I.hold() returns event_trigger language plpgsql security definer set search_path = pg_catalog as %L', $1,
         pg_catalog.format('begin if coalesce((select bool_and(schema_name = ''pg_temp'') from pg_event_trigger_ddl_commands()), false) then return; end if; '
                           'perform pg_advisory_xact_lock_shared(%s), nextval(%L); perform %I.refuse_ddl(); end',
                           pg_catalog.hashtextextended($1, 0), pg_catalog.format('%I.ddl_count', $1), $1))
union all
select pg_catalog.format('create event trigger %I on ddl_command_end execute function %I.hold()', $1 || '_ddl', $1)
union all
select pg_catalog.format('alter event trigger %I enable always', $1 || '_ddl')
