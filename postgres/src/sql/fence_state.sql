-- Whether the run's fence is closed in this database, whether it is prepared, and its comment.
-- Where: source, each database. Privilege: none. Locks: none. Parameter $1: name of the fence.
select exists (select from pg_catalog.pg_event_trigger where evtname = $1) as closed,
       f.oid is not null as prepared,
       pg_catalog.obj_description(f.oid, 'pg_proc') as comment
  from (select pg_catalog.to_regprocedure(pg_catalog.format('%I.write()', $1::text))::oid as oid) f
