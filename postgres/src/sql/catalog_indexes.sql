-- Indexes and extended statistics, each as a definition to compare; see catalog_relations.sql.
-- Where: source and target, each database. Privilege: none (catalogs). Locks: none. Changes nothing.
-- Returns kind, name, definition. A statistics target that is not set is null since 17, -1 before; that of extended statistics exists since 13.
select 'index' as kind, pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
       row(pg_catalog.pg_get_indexdef(c.oid), i.indisvalid, i.indisclustered, i.indisreplident, s.spcname,
           (select pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, a.attstattarget), ',' order by a.attnum)
              from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attstattarget >= 0),
           (select pg_catalog.string_agg(h.inhparent::pg_catalog.regclass::text, ',' order by h.inhseqno)
              from pg_catalog.pg_inherits h where h.inhrelid = c.oid))::text as definition
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_tablespace s on s.oid = c.reltablespace
 where c.relpersistence <> 't' and n.nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$)'
union all
select 'statistics', pg_catalog.format('%I.%I', n.nspname, x.stxname),
       row(pg_catalog.pg_get_statisticsobjdef(x.oid), pg_catalog.pg_get_userbyid(x.stxowner),
           nullif(pg_catalog.to_jsonb(x) ->> 'stxstattarget', '-1'))::text
  from pg_catalog.pg_statistic_ext x
  join pg_catalog.pg_namespace n on n.oid = x.stxnamespace
 where n.nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$)'
