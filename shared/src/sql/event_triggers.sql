-- The application's event triggers, which fire for our DDL too. Those of extensions and of superusers, such as RDS's
-- own, know ours; a run's fence is looked for elsewhere.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.format('%s on %s of %s', e.evtname, e.evtevent, o.rolname) as told
  from pg_catalog.pg_event_trigger e join pg_catalog.pg_roles o on o.oid = e.evtowner
 where e.evtenabled <> 'D' and e.evtname not like 'rds\_reencrypt\_%' and not o.rolsuper
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_event_trigger'::regclass and d.objid = e.oid and d.deptype = 'e')
 order by e.oid
