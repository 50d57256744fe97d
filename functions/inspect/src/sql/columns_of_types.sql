-- The columns of compared_types.sql that have one of these types, one line for each table.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing. Parameters $1: oids of tables, $2: of types.
select pg_catalog.format('%I.%I (%s)', n.nspname, c.relname,
                         pg_catalog.string_agg(pg_catalog.format('%I', a.attname), ', ' order by a.attnum)) as detail
  from unnest($1::oid[]) t (oid)
  join pg_catalog.pg_class c on c.oid = t.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
 where a.atttypid = any ($2::oid[])
   and not exists (select from pg_catalog.pg_index i where i.indrelid = t.oid and i.indisprimary and i.indisvalid and i.indimmediate)
 group by c.oid, n.nspname, c.relname order by c.oid
