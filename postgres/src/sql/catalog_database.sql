-- Objects of a database that are in no schema: schemas, extensions, languages, foreign servers, publications, default privileges,
-- comments, large objects; each as a definition to compare, see catalog_relations.sql. Database and settings: catalog_cluster.sql.
-- Where: source and target, each database. Privilege: none (catalogs). Locks: none. Changes nothing.
-- Returns kind, name, definition. Of large objects it reads the number, the newest, owners and rights; their contents
-- are in pg_largeobject, which only a superuser may read, as only its owner may read a user mapping's options.
-- Left out are the run's own publication, RDS's extension `rds_tools`, and comments on temporary objects: a
-- rule's or a trigger's has no schema of its own, and the table's is the first in its address.
with member as (select classid, objid from pg_catalog.pg_depend where deptype = 'e')
select 'schema' as kind, pg_catalog.format('%I', n.nspname) as name,
       row(pg_catalog.pg_get_userbyid(n.nspowner),
           (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C") from pg_catalog.unnest(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) i))::text as definition
  from pg_catalog.pg_namespace n
 where n.nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$|rds_tools$)'
   and not exists (select from member d where d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and d.objid = n.oid)
union all
select 'extension', pg_catalog.format('%I', e.extname), row(e.extversion, n.nspname, pg_catalog.pg_get_userbyid(e.extowner))::text
  from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname <> 'rds_tools'
union all
select 'default privileges', pg_catalog.format('of %I in %s for %s', pg_catalog.pg_get_userbyid(a.defaclrole), coalesce(pg_catalog.quote_ident(n.nspname), 'all schemas'), a.defaclobjtype),
       (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C") from pg_catalog.unnest(a.defaclacl) i)
  from pg_catalog.pg_default_acl a left join pg_catalog.pg_namespace n on n.oid = a.defaclnamespace
union all
select 'language', pg_catalog.format('%I', l.lanname),
       row(pg_catalog.pg_get_userbyid(l.lanowner), l.lanpltrusted,
           (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C") from pg_catalog.unnest(coalesce(l.lanacl, pg_catalog.acldefault('l', l.lanowner))) i))::text
  from pg_catalog.pg_language l where l.lanispl
union all
select 'foreign-data wrapper', pg_catalog.format('%I', w.fdwname),
       row(pg_catalog.pg_get_userbyid(w.fdwowner), w.fdwhandler::pg_catalog.regproc::text, w.fdwvalidator::pg_catalog.regproc::text, w.fdwoptions,
           (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C") from pg_catalog.unnest(coalesce(w.fdwacl, pg_catalog.acldefault('F', w.fdwowner))) i))::text
  from pg_catalog.pg_foreign_data_wrapper w
union all
select 'foreign server', pg_catalog.format('%I', v.srvname),
       row(pg_catalog.pg_get_userbyid(v.srvowner), w.fdwname, v.srvtype, v.srvversion, v.srvoptions,
           (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C") from pg_catalog.unnest(coalesce(v.srvacl, pg_catalog.acldefault('S', v.srvowner))) i))::text
  from pg_catalog.pg_foreign_server v join pg_catalog.pg_foreign_data_wrapper w on w.oid = v.srvfdw
union all
select 'user mapping', pg_catalog.format('of %I at %I', u.usename, u.srvname), row(u.umoptions)::text from pg_catalog.pg_user_mappings u
union all
select 'publication', pg_catalog.format('%I', p.pubname),
       row(pg_catalog.pg_get_userbyid(p.pubowner), pg_catalog.to_jsonb(p) - 'oid' - 'pubowner',
           (select pg_catalog.string_agg(row(r.prrelid::pg_catalog.regclass, pg_catalog.to_jsonb(r) ->> 'prattrs', pg_catalog.to_jsonb(r) ->> 'prqual' is not null)::text,
                                         ',' order by r.prrelid::pg_catalog.regclass::text collate "C")
              from pg_catalog.pg_publication_rel r where r.prpubid = p.oid),
           -- The condition of a row filter, which only this view has as text (15).
           case when not p.puballtables then
             (select pg_catalog.string_agg(pg_catalog.to_jsonb(t)::text, ',' order by t.schemaname collate "C", t.tablename collate "C")
                from pg_catalog.pg_publication_tables t where t.pubname = p.pubname and pg_catalog.to_jsonb(t) ->> 'rowfilter' is not null) end,
           -- Schemas (15), whether they have tables or not.
           (select pg_catalog.string_agg(n.nspname, ',' order by n.nspname collate "C")
              from pg_catalog.pg_depend d
              join pg_catalog.pg_depend s on (s.classid, s.objid) = (d.classid, d.objid) and s.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
              join pg_catalog.pg_namespace n on n.oid = s.refobjid
             where d.classid = pg_catalog.to_regclass('pg_catalog.pg_publication_namespace')
               and d.refclassid = 'pg_catalog.pg_publication'::pg_catalog.regclass and d.refobjid = p.oid))::text
  from pg_catalog.pg_publication p where p.pubname !~ '^rds_reencrypt_[0-9a-f]{10}(_|$)'
union all
select 'conversion', pg_catalog.format('%I.%I', n.nspname, c.conname),
       row(pg_catalog.pg_get_userbyid(c.conowner), pg_catalog.pg_encoding_to_char(c.conforencoding), pg_catalog.pg_encoding_to_char(c.contoencoding),
           c.conproc::pg_catalog.regproc::text, c.condefault)::text
  from pg_catalog.pg_conversion c join pg_catalog.pg_namespace n on n.oid = c.connamespace
 where c.oid >= 16384 and not exists (select from member d where d.classid = 'pg_catalog.pg_conversion'::pg_catalog.regclass and d.objid = c.oid)
union all
select case when c.provider is null then 'comment' else 'security label' end,
       pg_catalog.concat_ws(' by ', 'on ' || pg_catalog.pg_describe_object(c.classoid, c.objoid, c.objsubid), c.provider), c.detail
  from (select classoid, objoid, objsubid, null as provider, description as detail from pg_catalog.pg_description
         union all
        select classoid, objoid, objsubid, provider, label from pg_catalog.pg_seclabel) c
 where c.objoid >= 16384 and c.classoid <> 'pg_catalog.pg_largeobject'::pg_catalog.regclass
   and not exists (select from member d where d.classid = c.classoid and d.objid = c.objoid)
   and not (c.classoid = 'pg_catalog.pg_extension'::pg_catalog.regclass)
   and coalesce((pg_catalog.pg_identify_object(c.classoid, c.objoid, c.objsubid)).schema, '') !~ '^pg_temp(_[0-9]+)?$'
   and coalesce((pg_catalog.pg_identify_object_as_address(c.classoid, c.objoid, c.objsubid)).object_names[1], '') !~ '^pg_temp(_[0-9]+)?$'
   and not (c.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
            and exists (select from pg_catalog.pg_namespace n where n.oid = c.objoid and n.nspname ~ '^rds_reencrypt_[0-9a-f]{10}(_|$)'))
   and not exists (select from pg_catalog.pg_proc f join pg_catalog.pg_namespace n on n.oid = f.pronamespace
                    where c.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass and f.oid = c.objoid and n.nspname ~ '^rds_reencrypt_[0-9a-f]{10}(_|$)')
union all
select 'large objects', 'of the database',
       row(pg_catalog.count(*), pg_catalog.max(o.oid),
           pg_catalog.sum(pg_catalog.hashtextextended(row(o.oid, pg_catalog.pg_get_userbyid(o.lomowner), o.lomacl)::text, 0)))::text
  from pg_catalog.pg_largeobject_metadata o
