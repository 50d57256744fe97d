-- Functions, procedures and aggregates, each as a definition to compare; see catalog_relations.sql.
-- Where: source and target, each database. Privilege: none (catalogs). Changes nothing. Returns kind, name, definition.
-- Locks: ACCESS SHARE on objects in the body of a standard SQL function, briefly.
select case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end as kind,
       pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) as name,
       row(case when p.prokind <> 'a' then pg_catalog.pg_get_functiondef(p.oid) end, pg_catalog.pg_get_userbyid(p.proowner),
           (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C")
              from pg_catalog.unnest(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) i),
           case when p.prokind = 'a' then row(pg_catalog.pg_get_function_result(p.oid), p.proparallel, a.aggkind, a.aggnumdirectargs,
             a.aggtransfn::text, a.aggfinalfn::text, a.aggcombinefn::text, a.aggserialfn::text, a.aggdeserialfn::text,
             a.aggmtransfn::text, a.aggminvtransfn::text, a.aggmfinalfn::text, a.aggfinalextra, a.aggmfinalextra,
             a.aggfinalmodify, a.aggmfinalmodify, a.aggsortop::pg_catalog.regoperator::text,
             pg_catalog.format_type(a.aggtranstype, null), pg_catalog.format_type(a.aggmtranstype, null),
             a.aggtransspace, a.aggmtransspace, a.agginitval, a.aggminitval)::text end)::text as definition
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  left join pg_catalog.pg_aggregate a on a.aggfnoid = p.oid
 where n.nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$)'
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e')
