-- Tables, partitions, views, materialized views, foreign tables and sequences, each as a definition to compare.
-- Where: source and target, each database. Privilege: none (catalogs). Changes nothing. Returns kind, name, definition.
-- Locks: ACCESS SHARE on the tables that a view reads, briefly (make_viewdef in ruleutils.c).
-- Names replace the catalog's oids: an object that an operator creates again on the target has another oid. A replica identity that
-- the run has set is no difference: it is set before the snapshot, and restored at the end, so while catalogs are compared both
-- sides have it. Left out are a sequence's values.
-- Members of an extension are left out here and in the other catalog_ files: its version stands for them.
select case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
                      when 'm' then 'materialized view' when 'f' then 'foreign table' else 'sequence' end as kind,
       pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
       row(c.relpersistence, pg_catalog.pg_get_userbyid(c.relowner),
           (select pg_catalog.string_agg(a::text, ',' order by a::text collate "C")
              from pg_catalog.unnest(coalesce(c.relacl, pg_catalog.acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))) a),
           (select pg_catalog.string_agg(o, ',' order by o collate "C") from pg_catalog.unnest(c.reloptions || t.reloptions) o),
           c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relispopulated, m.amname, s.spcname,
           case when c.reloftype <> 0 then pg_catalog.format_type(c.reloftype, null) end,
           -- While a partition is being detached (14), its parent does not show its rows.
           (select pg_catalog.string_agg(pg_catalog.concat_ws(' ', i.inhparent::pg_catalog.regclass, pg_catalog.to_jsonb(i) ->> 'inhdetachpending'), ',' order by i.inhseqno)
              from pg_catalog.pg_inherits i where i.inhrelid = c.oid),
           case when c.relispartition then pg_catalog.pg_get_expr(c.relpartbound, c.oid) end,
           case when c.relkind = 'p' then pg_catalog.pg_get_partkeydef(c.oid) end,
           case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid) end,
           (select row(v.srvname, f.ftoptions)::text
              from pg_catalog.pg_foreign_table f join pg_catalog.pg_foreign_server v on v.oid = f.ftserver where f.ftrelid = c.oid),
           (select row(pg_catalog.format_type(q.seqtypid, null), q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle)::text
              from pg_catalog.pg_sequence q where q.seqrelid = c.oid),
           case when c.relkind = 'S' then
             (select pg_catalog.string_agg(pg_catalog.format('%s.%I %s', d.refobjid::pg_catalog.regclass, a.attname, d.deptype), ',')
                from pg_catalog.pg_depend d
                join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
               where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid
                 and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype in ('a', 'i')) end
          )::text as definition
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_class t on t.oid = c.reltoastrelid
  left join pg_catalog.pg_am m on m.oid = c.relam
  left join pg_catalog.pg_tablespace s on s.oid = c.reltablespace
 where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relpersistence <> 't'
   and n.nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$)'
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
