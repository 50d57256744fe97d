-- Statements that open a closed fence again: its triggers stay, and their function does nothing any more. Event triggers do not fire for
-- commands on event triggers, so they come first.
-- Where: the fenced database, in one transaction. Privilege: owner; rds_superuser for event triggers. Parameter $1: fence. No row if there is
-- no fence. Twice: nothing changes.
with fence as (select n.nspname from pg_catalog.pg_namespace n where n.nspname = $1::text)
select pg_catalog.format('drop event trigger %I', e.evtname) from pg_catalog.pg_event_trigger e where e.evtname in ($1, $1 || '_ddl', $1 || '_drop')
union all
select pg_catalog.format('create or replace function %I.write() returns trigger language plpgsql as %L', nspname, 'begin return null; end') from fence
