-- Columns in which two values can be equal but not identical, of the given tables: under REPLICA IDENTITY FULL the target changes the
-- first row that is equal to the old one (RelationFindReplTupleSeq in execReplication.c), which may differ from the source's.
-- Where: source, each database. Privilege: none (catalogs). Locks: none. Changes nothing. Parameter $1: oids of tables.
-- Returns per table: oid, name, the columns with their types, whether the identity is FULL.
-- Types are resolved as the apply compares them: a domain by its base type, an array by its elements, a composite by its members, a
-- range by its bounds. Equal but not identical are: 0 and -0 (float), 1.0 and 1.00 (numeric without a scale of its own, and numbers
-- in jsonb), 24 hours and a day (interval), trailing blanks (bpchar without a length), text under a nondeterministic collation. Types
-- of extensions may be so; of citext it is known. Types without equality are handled by tables.sql.
with recursive part as (
  select a.attrelid, a.attnum, a.atttypid as type, a.atttypmod as typmod, a.attcollation as collation
    from pg_catalog.pg_attribute a where a.attrelid = any ($1::oid[]) and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
   union
  select p.attrelid, p.attnum, n.type, n.typmod, n.collation
    from part p join pg_catalog.pg_type t on t.oid = p.type,
         lateral (select t.typbasetype as type, t.typtypmod as typmod, p.collation where t.typtype = 'd'
                   union all
                  select t.typelem, p.typmod, p.collation where t.typtype = 'b' and t.typcategory = 'A' and t.typelem <> 0
                   union all
                  select m.atttypid, m.atttypmod, m.attcollation from pg_catalog.pg_attribute m
                   where t.typtype = 'c' and m.attrelid = t.typrelid and m.attnum > 0 and not m.attisdropped
                   union all
                  select r.rngsubtype, -1, r.rngcollation from pg_catalog.pg_range r
                   where r.rngtypid = t.oid or t.typtype = 'm' and pg_catalog.to_jsonb(r) ->> 'rngmultitypid' = t.oid::text) n),
ambiguous as (
  select distinct p.attrelid, p.attnum
    from part p join pg_catalog.pg_type t on t.oid = p.type left join pg_catalog.pg_collation c on c.oid = p.collation
   where t.typtype = 'b' and t.typcategory <> 'A'
     and (t.oid >= 16384 or t.oid in ('float4'::regtype, 'float8'::regtype, 'interval'::regtype, 'jsonb'::regtype)
          or t.oid in ('numeric'::regtype, 'bpchar'::regtype) and p.typmod = -1 or not c.collisdeterministic and t.typcollation <> 0))
select c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as name, c.relreplident = 'f' as identity_full,
       pg_catalog.string_agg(pg_catalog.format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum) as columns
  from ambiguous u
  join pg_catalog.pg_attribute a on a.attrelid = u.attrelid and a.attnum = u.attnum
  join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 group by c.oid, n.nspname, c.relname, c.relreplident order by c.oid
