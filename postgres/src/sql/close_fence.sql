-- Statements that close the fence. All triggers change at once, since they share one function; sessions that wait for
-- our locks call the new one, whatever their snapshot. The comment comes first: it fails if undo was faster.
-- The new event trigger refuses DDL, and marks the fence as closed. That of create_fence.sql is disabled meanwhile, or it
-- would refuse the statements after it; DDL that waits for it ends after that.
-- Event triggers on logins may write, or nobody could log in to read any more: no client statement is being executed
-- then, and the trigger's function is among the callers.
-- An apply worker fires statement triggers for TRUNCATE only. Since 16 it acts as the table's owner, who may not see whose worker it is, so
-- the function acts as ours then. No client can have a worker's backend_type.
-- Where: source, each database, in the transaction that holds the locks. Privilege: owner; rds_superuser for event
-- triggers. Parameters $1: fence, $2: error message for clients, $3: comment, which stores the pause's begin,
-- $4: whether apply workers are let through.
with body as (
  select 'declare callers text; begin get diagnostics callers = pg_context; '
         'if current_query() is null and exists (select from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid '
                                                 'where e.evtevent = ''login'' and (strpos(replace(callers, ''.'', '' ''), '' '' || quote_ident(p.proname) || ''()'') > 0 '
                                                                                   'or strpos(callers, ''"'' || p.proname || ''"'') > 0)) then return' as spares,
         pg_catalog.format('; end if; raise exception using errcode = ''read_only_sql_transaction'', message = %L', $2::text) as refuses,
         case when $4::bool then ' null; end if; if exists (select from pg_stat_activity where pid = pg_backend_pid() '
                                   'and backend_type like ''logical replication %worker'') then return' else '' end as lets_through)
select pg_catalog.format('comment on function %I.write() is %L', $1::text, $3::text)
union all
select pg_catalog.format('alter event trigger %I disable', $1 || '_ddl')
union all
select pg_catalog.format('create or replace function %I.write() returns trigger language plpgsql %s set search_path = pg_catalog as %L', $1,
         case when $4 then 'security definer' else '' end, spares || lets_through || ' null' || refuses || ', schema = tg_table_schema, table = tg_table_name; end') from body
union all
select pg_catalog.format('create or replace function %I.refuse_ddl() returns void language plpgsql set search_path = pg_catalog as %L', $1,
         spares || refuses || '; end') from body
union all
select pg_catalog.format('create or replace function %I.ddl() returns event_trigger language plpgsql set search_path = pg_catalog as %L', $1,
         spares || refuses || '; end') from body
union all
select pg_catalog.format('create event trigger %I on ddl_command_start execute function %I.ddl()', $1, $1)
union all
select pg_catalog.format('alter event trigger %I enable always', $1)
union all
select pg_catalog.format('alter event trigger %I enable always', $1 || '_ddl')
