-- Constraints of tables and domains, each as a definition to compare; see catalog_relations.sql.
-- Where: source and target, each database. Privilege: none (catalogs). Locks: none. Changes nothing.
-- Returns kind, name, definition. The triggers by which the server enforces a foreign key have no name of their own,
-- but can be disabled one by one.
select 'constraint' as kind,
       pg_catalog.format('%s.%I', case when k.conrelid <> 0 then pg_catalog.format('%I.%I', n.nspname, c.relname)
                                       else pg_catalog.format_type(k.contypid, null) end, k.conname) as name,
       row(pg_catalog.pg_get_constraintdef(k.oid), k.convalidated, k.conislocal, k.coninhcount, k.conparentid <> 0,
           case when k.contype = 'f' then
             (select pg_catalog.string_agg(pg_catalog.concat(t.tgtype, t.tgenabled), ',' order by t.tgtype, t.tgenabled)
                from pg_catalog.pg_trigger t where t.tgconstraint = k.oid and t.tgisinternal) end)::text as definition
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_namespace n on n.oid = k.connamespace
  left join pg_catalog.pg_class c on c.oid = k.conrelid
 where n.nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$)' and (k.conrelid <> 0 or k.contypid <> 0)
   and c.relpersistence is distinct from 't'
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = k.conrelid and d.deptype = 'e')
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and d.objid = k.contypid and d.deptype = 'e')
