-- Triggers, rules, policies and event triggers, each as a definition to compare; see catalog_relations.sql.
-- Where: source and target, each database. Privilege: none (catalogs). Changes nothing. Returns kind, name, definition.
-- Locks: ACCESS SHARE on the objects that a rule names, briefly. The fence's own are left out, and an event trigger
-- that the run has disabled counts as it was before (hold_event_triggers.sql).
select 'trigger' as kind, pg_catalog.format('%I.%I.%I', n.nspname, c.relname, t.tgname) as name,
       row(pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled)::text as definition
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c on c.oid = t.tgrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not t.tgisinternal and t.tgname !~ '^rds_reencrypt_[0-9a-f]{10}(_|$)' and c.relpersistence <> 't'
   and n.nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$)'
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass and d.objid = t.oid and d.deptype = 'e')
union all
select 'rule', pg_catalog.format('%I.%I.%I', n.nspname, c.relname, r.rulename), row(pg_catalog.pg_get_ruledef(r.oid), r.ev_enabled)::text
  from pg_catalog.pg_rewrite r
  join pg_catalog.pg_class c on c.oid = r.ev_class
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where r.rulename <> '_RETURN' and c.relpersistence <> 't' and n.nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$)'
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
union all
select 'policy', pg_catalog.format('%I.%I.%I', n.nspname, c.relname, p.polname),
       row(p.polcmd, p.polpermissive,
           (select pg_catalog.string_agg(case o when 0 then 'public' else pg_catalog.pg_get_userbyid(o)::text end, ',' order by pg_catalog.pg_get_userbyid(o))
              from pg_catalog.unnest(p.polroles) o),
           pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))::text
  from pg_catalog.pg_policy p
  join pg_catalog.pg_class c on c.oid = p.polrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$)'
union all
select 'event trigger', pg_catalog.format('%I', e.evtname),
       row(e.evtevent, pg_catalog.pg_get_userbyid(e.evtowner), e.evtfoid::pg_catalog.regprocedure::text, coalesce(held.was, e.evtenabled::text), e.evttags)::text
  from pg_catalog.pg_event_trigger e
  left join (select h.key, pg_catalog.min(h.value) as was
               from pg_catalog.pg_namespace n cross join lateral pg_catalog.jsonb_each_text(pg_catalog.obj_description(n.oid, 'pg_namespace')::jsonb) h
              where n.nspname ~ '^rds_reencrypt_[0-9a-f]+$' group by h.key) held on held.key = e.oid::text and e.evtenabled = 'D'
 where e.evtname !~ '^rds_reencrypt_[0-9a-f]{10}(_|$)'
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass and d.objid = e.oid and d.deptype = 'e')
