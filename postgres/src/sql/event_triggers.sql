-- The enabled event triggers, except those of runs: each with its effect in our session, whether we may disable it,
-- and the part of its function, or of one that this calls, that acts outside its transaction: that cannot be tried and rolled back.
-- Where: source or target, each database. Privilege: none. Locks: none. Changes nothing.
-- Also returns the statements that disable it, and that enable it as before.
with recursive trigger as (
  select e.* from pg_catalog.pg_event_trigger e where e.evtenabled <> 'D' and e.evtname !~ '^rds_reencrypt_[0-9a-f]{10}(_|$)'),
called (trigger, function) as (
  select t.oid, t.evtfoid from trigger t
   union
  select c.trigger, p.oid
    from called c
    join pg_catalog.pg_proc f on f.oid = c.function
    join pg_catalog.pg_namespace fn on fn.oid = f.pronamespace and fn.nspname not in ('pg_catalog', 'information_schema')
    join pg_catalog.pg_proc p on pg_catalog.strpos(f.prosrc, p.proname::text) > 0
     and f.prosrc ~ ('\m' || pg_catalog.regexp_replace(p.proname::text, '(\W)', '\\\1', 'g') || '\M')
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace and n.nspname not in ('pg_catalog', 'information_schema')),
outside as (
  select c.trigger, pg_catalog.string_agg(distinct x.extname::text, ', ') as extensions
    from called c
    join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = c.function and d.deptype = 'e'
    join pg_catalog.pg_extension x on x.oid = d.refobjid and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
   where x.extname in ('dblink', 'http', 'aws_lambda', 'aws_s3', 'pg_background')
   group by c.trigger)
select pg_catalog.format('%I', t.evtname) as name, t.evtevent::text as event, t.evtenabled = 'A' as always, t.evtenabled = 'R' as replica,
       t.evtfoid::pg_catalog.regprocedure::text as function, pg_catalog.pg_has_role(t.evtowner, 'usage') as may_alter,
       pg_catalog.pg_get_userbyid(t.evtowner)::text as owner, o.extensions as outside,
       pg_catalog.format('alter event trigger %I disable', t.evtname) as disable,
       pg_catalog.format('alter event trigger %I enable%s', t.evtname,
                         case t.evtenabled when 'A' then ' always' when 'R' then ' replica' else '' end) as enable
  from trigger t left join outside o on o.trigger = t.oid
 order by t.oid
