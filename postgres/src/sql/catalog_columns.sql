-- Columns of tables, views and composite types, each as a definition to compare; see catalog_relations.sql.
-- Where: source and target, each database. Privilege: none (catalogs). Changes nothing. Returns kind, name, definition.
-- Locks: since 17 ACCESS SHARE on a table that has a default, briefly (pg_get_expr in ruleutils.c).
-- The position counts existing columns: a dropped one leaves a gap on one side only. A statistics target that is not set is null
-- since 17, -1 before. Compression changes nothing that an application can see, and 12 and 13 have no such column: to read it
-- from the row as jsonb takes longer than all the rest. Includes an extension's tables: somebody may have changed them.
select 'column' as kind, pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname) as name,
       row(pg_catalog.row_number() over (partition by a.attrelid order by a.attnum),
           pg_catalog.format_type(a.atttypid, a.atttypmod), (select l.collname from pg_catalog.pg_collation l where l.oid = a.attcollation), a.attnotnull, a.attidentity, a.attgenerated,
           case when a.atthasdef then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end,
           case when a.attacl is not null then
             (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C") from pg_catalog.unnest(a.attacl) i) end,
           a.attoptions, nullif(a.attstattarget, -1), a.attstorage, a.attfdwoptions, a.attislocal, a.attinhcount)::text as definition
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_class c on c.oid = a.attrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and c.relpersistence <> 't'
   and n.nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$)'
