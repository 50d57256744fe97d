-- Statements that create the fence's functions, open, and the event trigger that holds and counts DDL. DDL takes
-- a shared lock until its transaction ends, which the cutover takes exclusively (hold_ddl.sql). DDL that waits for it then finds
-- out whether the fence was closed: a call executes the current function, whatever the snapshot. Roles,
-- databases and large objects fire no event triggers. The first statement fails if the cutover was cancelled, and keeps it
-- from being cancelled meanwhile.
-- An application's everyday commands pass: those that create, change or drop only temporary objects, and the refresh of a
-- materialized view. Only the trigger on sql_drop knows the objects of a DROP, so it stands for DROP, except for DROP OWNED,
-- which revokes rights as well. A CREATE or ALTER TABLE without reported objects had nothing to do, or belongs to
-- a REFRESH CONCURRENTLY (EventTriggerInhibitCommandCollection in event_trigger.c). A rule's or a trigger's schema is that of
-- its table, the first name of its address.
-- Where: source, each database, in one transaction. Privilege: CREATE on the database; rds_superuser for event
-- triggers. Parameters $1: fence, $2: run. Not run if it is prepared. The function runs as its owner, since other users'
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
         pg_catalog.format('declare passes bool := tg_tag = ''REFRESH MATERIALIZED VIEW''; begin '
                           'if tg_event = ''sql_drop'' then '
                             'passes := (select bool_and(is_temporary or coalesce(address_names[1] ~ ''^pg_temp(_[0-9]+)?$'', false)) from pg_event_trigger_dropped_objects()); '
                           'elsif tg_tag like ''DROP %%'' and tg_tag <> ''DROP OWNED'' then passes := true; '
                           'elsif not passes then '
                             'select coalesce(bool_and(case when schema_name is not null then schema_name = ''pg_temp'' '
                                                           'else coalesce((pg_identify_object_as_address(classid, objid, objsubid)).object_names[1] ~ ''^pg_temp(_[0-9]+)?$'', false) end), '
                                             'tg_tag in (''CREATE TABLE'', ''ALTER TABLE'')) into passes from pg_event_trigger_ddl_commands(); '
                           'end if; '
                           'if passes then return; end if; '
                           'perform pg_advisory_xact_lock_shared(%s), nextval(%L); perform %I.refuse_ddl(); end',
                           pg_catalog.hashtextextended($1, 0), pg_catalog.format('%I.ddl_count', $1), $1))
union all
select pg_catalog.format('create event trigger %I on %s execute function %I.hold()', $1 || e.suffix, e.event, $1)
  from (values ('_ddl', 'ddl_command_end'), ('_drop', 'sql_drop')) e (suffix, event)
union all
select pg_catalog.format('alter event trigger %I enable always', $1 || e.suffix) from (values ('_ddl'), ('_drop')) e (suffix)
