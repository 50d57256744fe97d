-- Types, casts, operators, their classes and families, collations, and text search, each as a definition to compare;
-- see catalog_relations.sql. Composite types have their columns among the columns, domains their checks among the
-- constraints; array types and row types of tables are created and dropped with theirs.
-- Where: source and target, each database. Privilege: none (catalogs). Locks: none. Changes nothing.
-- Returns kind, name, definition.
with member as (select classid, objid from pg_catalog.pg_depend where deptype = 'e'),
     schema as (select oid, nspname from pg_catalog.pg_namespace where nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$)')
select case t.typtype when 'e' then 'enum' when 'd' then 'domain' when 'c' then 'composite type' else 'type' end as kind,
       pg_catalog.format('%I.%I', n.nspname, t.typname) as name,
       row(t.typtype, pg_catalog.pg_get_userbyid(t.typowner),
           (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C")
              from pg_catalog.unnest(coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner))) i),
           (select pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ',' order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid),
           case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod) end, t.typnotnull, t.typdefault,
           (select l.collname from pg_catalog.pg_collation l where l.oid = t.typcollation), t.typinput::text, t.typoutput::text, t.typlen, t.typcategory, t.typdelim,
           (select row(pg_catalog.format_type(r.rngsubtype, null), (select l.collname from pg_catalog.pg_collation l where l.oid = r.rngcollation), o.opcname, r.rngcanonical::text, r.rngsubdiff::text)::text
              from pg_catalog.pg_range r join pg_catalog.pg_opclass o on o.oid = r.rngsubopc where r.rngtypid = t.oid))::text as definition
  from pg_catalog.pg_type t join schema n on n.oid = t.typnamespace
 where (t.typrelid = 0 or exists (select from pg_catalog.pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
   and not exists (select from pg_catalog.pg_type e where e.typarray = t.oid)
   and not exists (select from member d where d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass and d.objid = t.oid)
union all
select 'cast', pg_catalog.format('%s as %s', pg_catalog.format_type(k.castsource, null), pg_catalog.format_type(k.casttarget, null)),
       row(k.castfunc::pg_catalog.regprocedure::text, k.castcontext, k.castmethod)::text
  from pg_catalog.pg_cast k
 where k.oid >= 16384 and not exists (select from member d where d.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass and d.objid = k.oid)
union all
select 'operator', o.oid::pg_catalog.regoperator::text,
       row(pg_catalog.pg_get_userbyid(o.oprowner), o.oprcanmerge, o.oprcanhash, o.oprcom::pg_catalog.regoperator::text,
           o.oprnegate::pg_catalog.regoperator::text, o.oprcode::text, o.oprrest::text, o.oprjoin::text)::text
  from pg_catalog.pg_operator o join schema n on n.oid = o.oprnamespace
 where not exists (select from member d where d.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass and d.objid = o.oid)
union all
select 'operator class', pg_catalog.format('%I.%I using %I', n.nspname, o.opcname, m.amname),
       row(pg_catalog.pg_get_userbyid(o.opcowner), f.opfname, pg_catalog.format_type(o.opcintype, null), o.opcdefault, pg_catalog.format_type(o.opckeytype, null))::text
  from pg_catalog.pg_opclass o join schema n on n.oid = o.opcnamespace
  join pg_catalog.pg_am m on m.oid = o.opcmethod join pg_catalog.pg_opfamily f on f.oid = o.opcfamily
 where not exists (select from member d where d.classid = 'pg_catalog.pg_opclass'::pg_catalog.regclass and d.objid = o.oid)
union all
select 'operator family', pg_catalog.format('%I.%I using %I', n.nspname, f.opfname, m.amname),
       row(pg_catalog.pg_get_userbyid(f.opfowner),
           (select pg_catalog.string_agg(row(o.amopstrategy, o.amopopr::pg_catalog.regoperator, o.amoppurpose)::text, ',' order by o.amopstrategy, o.amopopr::pg_catalog.regoperator::text collate "C")
              from pg_catalog.pg_amop o where o.amopfamily = f.oid),
           (select pg_catalog.string_agg(row(p.amprocnum, p.amproc)::text, ',' order by p.amprocnum, p.amproc::text collate "C")
              from pg_catalog.pg_amproc p where p.amprocfamily = f.oid))::text
  from pg_catalog.pg_opfamily f join schema n on n.oid = f.opfnamespace join pg_catalog.pg_am m on m.oid = f.opfmethod
 where not exists (select from member d where d.classid = 'pg_catalog.pg_opfamily'::pg_catalog.regclass and d.objid = f.oid)
union all
select 'collation', pg_catalog.format('%I.%I', n.nspname, l.collname),
       row(pg_catalog.pg_get_userbyid(l.collowner), pg_catalog.to_jsonb(l) - 'oid' - 'collnamespace' - 'collowner' - 'collversion')::text
  from pg_catalog.pg_collation l join schema n on n.oid = l.collnamespace
 where not exists (select from member d where d.classid = 'pg_catalog.pg_collation'::pg_catalog.regclass and d.objid = l.oid)
union all
select 'text search configuration', pg_catalog.format('%I.%I', n.nspname, g.cfgname),
       row(pg_catalog.pg_get_userbyid(g.cfgowner), r.prsname,
           (select pg_catalog.string_agg(row(m.maptokentype, m.mapdict::pg_catalog.regdictionary)::text, ',' order by m.maptokentype, m.mapseqno)
              from pg_catalog.pg_ts_config_map m where m.mapcfg = g.oid))::text
  from pg_catalog.pg_ts_config g join schema n on n.oid = g.cfgnamespace join pg_catalog.pg_ts_parser r on r.oid = g.cfgparser
 where not exists (select from member d where d.classid = 'pg_catalog.pg_ts_config'::pg_catalog.regclass and d.objid = g.oid)
union all
select 'text search dictionary', pg_catalog.format('%I.%I', n.nspname, i.dictname),
       row(pg_catalog.pg_get_userbyid(i.dictowner), t.tmplname, i.dictinitoption)::text
  from pg_catalog.pg_ts_dict i join schema n on n.oid = i.dictnamespace join pg_catalog.pg_ts_template t on t.oid = i.dicttemplate
 where not exists (select from member d where d.classid = 'pg_catalog.pg_ts_dict'::pg_catalog.regclass and d.objid = i.oid)
