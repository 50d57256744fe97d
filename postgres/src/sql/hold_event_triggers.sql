-- Statements that disable event triggers during the run, and store their previous state, by oid, in the comment of the run's schema: those
-- that fire although our sessions are replicas, and on the target also those on logins, which would write there at every login.
-- Event triggers do not fire for commands on event triggers. No row if there is nothing to disable.
-- Where: source or target, each database, in one transaction. Privilege: owner of the event triggers, CREATE on the database.
-- Parameters $1: run, $2: whether to include those on logins. Twice: the state stored first stays.
with held as (
  select e.oid, e.evtname, e.evtenabled
    from pg_catalog.pg_event_trigger e
   where (e.evtenabled in ('A', 'R') or ($2::boolean and e.evtevent = 'login' and e.evtenabled = 'O'))
     and e.evtname !~ '^rds_reencrypt_[0-9a-f]{10}(_|$)' and pg_catalog.pg_has_role(e.evtowner, 'usage'))
select pg_catalog.format('alter event trigger %I disable', h.evtname) from held h
union all
select pg_catalog.format('create schema if not exists %I', $1::text) where exists (select from held)
union all
select pg_catalog.format('comment on schema %I is %L', $1, (
         (select pg_catalog.jsonb_object_agg(h.oid, h.evtenabled) from held h)
         || coalesce(pg_catalog.obj_description(pg_catalog.to_regnamespace(pg_catalog.quote_ident($1))::oid, 'pg_namespace'), '{}')::jsonb)::text)
 where exists (select from held)
