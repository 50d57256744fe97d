-- Statements that drop the run's own schema, and restore the event triggers that its comment lists; one that
-- somebody has changed meanwhile stays as it is. No row if the schema is gone.
-- Where: source or target, each database, in one transaction. Privilege: owner. Parameter $1: schema.
with run as (select n.nspname, pg_catalog.obj_description(n.oid, 'pg_namespace')::jsonb as held from pg_catalog.pg_namespace n where n.nspname = $1::text)
select pg_catalog.format('drop schema %I cascade', r.nspname) from run r
union all
select pg_catalog.format('alter event trigger %I enable%s', e.evtname, case h.value when 'A' then ' always' when 'R' then ' replica' else '' end)
  from run r cross join lateral pg_catalog.jsonb_each_text(r.held) h join pg_catalog.pg_event_trigger e on e.oid::text = h.key and e.evtenabled = 'D'
