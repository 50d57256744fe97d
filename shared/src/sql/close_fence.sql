-- Statements that close the fence. All triggers turn at once, since they share one function; sessions that wait for
-- our locks see the new one, whatever their snapshot. The comment comes first: it fails where undo got here before.
-- The new event trigger refuses DDL, and is the sign that the fence is closed. That of create_fence.sql is off meanwhile, or it
-- would refuse what follows; behind it those end that wait there.
-- Where: source, each database, in the transaction that holds the locks. Privilege: owner; rds_superuser for event
-- triggers. Parameters $1: fence, $2: what a client is told, $3: comment, in which the pause's begin is kept.
select pg_catalog.format('comment on function %I.write() is %L', $1::text, $3::text)
union all
select pg_catalog.format('alter event trigger %I disable', $1 || '_ddl')
union all
select pg_catalog.format('create or replace function %I.write() returns trigger language plpgsql as %L', $1,
         pg_catalog.format('begin raise exception using errcode = ''read_only_sql_transaction'', message = %L; end', $2::text))
union all
select pg_catalog.format('create or replace function %I.refuse_ddl() returns void language plpgsql as %L', $1,
         pg_catalog.format('begin raise exception using errcode = ''read_only_sql_transaction'', message = %L; end', $2))
union all
select pg_catalog.format('create or replace function %I.ddl() returns event_trigger language plpgsql as %L', $1,
         pg_catalog.format('begin raise exception using errcode = ''read_only_sql_transaction'', message = %L; end', $2))
union all
select pg_catalog.format('create event trigger %I on ddl_command_start execute function %I.ddl()', $1, $1)
union all
select pg_catalog.format('alter event trigger %I enable always', $1)
union all
select pg_catalog.format('alter event trigger %I enable always', $1 || '_ddl')
