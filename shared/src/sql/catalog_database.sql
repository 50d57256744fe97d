-- What belongs to a database as a whole: itself, its settings, schemas, extensions, languages, foreign servers,
-- publications, default privileges, comments, large objects; each as a definition to compare, see catalog_relations.sql.
-- Where: source and copy, each database. Privilege: none (catalogs). Locks: none. Changes nothing.
-- Returns kind, name, definition. Of large objects it sees how many, the newest, owners and rights; what is in them
-- lies in pg_largeobject, which is closed to all but a superuser, as a user mapping's options are to all but its owner.
-- The run's own grants on the database, its publication and RDS's own extension `rds_tools` are left out.
with member as (select classid, objid from pg_catalog.pg_depend where deptype = 'e')
select 'database' as kind, pg_catalog.format('%I', b.datname) as name,
       row(pg_catalog.pg_get_userbyid(b.datdba), b.datallowconn, b.datconnlimit,
           (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C")
              from pg_catalog.unnest(coalesce(b.datacl, pg_catalog.acldefault('d', b.datdba))) i where i::text not like 'rds\_reencrypt\_%'),
           pg_catalog.shobj_description(b.oid, 'pg_database'))::text as definition
  from pg_catalog.pg_database b where b.datname = pg_catalog.current_database()
union all
select 'setting', pg_catalog.format('of %s in database %I', case s.setrole when 0 then 'all' else pg_catalog.pg_get_userbyid(s.setrole)::text end, b.datname), s.setconfig::text
  from pg_catalog.pg_db_role_setting s join pg_catalog.pg_database b on b.oid = s.setdatabase and b.datname = pg_catalog.current_database()
union all
select 'schema', pg_catalog.format('%I', n.nspname),
       row(pg_catalog.pg_get_userbyid(n.nspowner),
           (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C") from pg_catalog.unnest(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) i))::text
  from pg_catalog.pg_namespace n
 where n.nspname !~ '^(pg_|rds_reencrypt_|information_schema$|rds_tools$)'
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
              from pg_catalog.pg_publication_rel r where r.prpubid = p.oid))::text
  from pg_catalog.pg_publication p where p.pubname !~ '^rds_reencrypt_'
union all
select case when c.provider is null then 'comment' else 'security label' end,
       pg_catalog.concat_ws(' by ', 'on ' || pg_catalog.pg_describe_object(c.classoid, c.objoid, c.objsubid), c.provider), c.told
  from (select classoid, objoid, objsubid, null as provider, description as told from pg_catalog.pg_description
         union all
        select classoid, objoid, objsubid, provider, label from pg_catalog.pg_seclabel) c
 where c.objoid >= 16384 and c.classoid <> 'pg_catalog.pg_largeobject'::pg_catalog.regclass
   and not exists (select from member d where d.classid = c.classoid and d.objid = c.objoid)
   and not (c.classoid = 'pg_catalog.pg_extension'::pg_catalog.regclass)
   and not exists (select from pg_catalog.pg_proc f join pg_catalog.pg_namespace n on n.oid = f.pronamespace
                    where c.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass and f.oid = c.objoid and n.nspname ~ '^rds_reencrypt_')
union all
select 'large objects', 'of the database',
       row(pg_catalog.count(*), pg_catalog.max(o.oid),
           pg_catalog.sum(pg_catalog.hashtextextended(row(o.oid, pg_catalog.pg_get_userbyid(o.lomowner), o.lomacl)::text, 0)))::text
  from pg_catalog.pg_largeobject_metadata o
