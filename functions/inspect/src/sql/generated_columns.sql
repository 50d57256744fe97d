-- Tables with generated columns, and whether their replica identity's index has one. They are not published: under
-- FULL, 18 refuses updates on the source (pub_contains_invalid_column in publicationcmds.c), and where the key has one,
-- the target cannot find its rows (logicalrep_rel_mark_updatable in relation.c; 18 refuses on the source here as well).
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing. Parameter $1: oids.
select c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
       pg_catalog.string_agg(pg_catalog.format('%I', a.attname), ', ' order by a.attnum) as columns,
       pg_catalog.bool_or(exists (select from pg_catalog.pg_index i
                                   where i.indrelid = c.oid and a.attnum = any (i.indkey::pg_catalog.int2[])
                                     and case c.relreplident when 'i' then i.indisreplident when 'd' then i.indisprimary else false end))
         as in_key
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated <> ''
 where c.oid = any ($1::oid[])
 group by c.oid, n.nspname, c.relname order by c.oid
