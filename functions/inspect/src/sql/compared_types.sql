-- The types of columns by which the target must compare whole rows: of tables with REPLICA IDENTITY FULL, before or during the
-- run, and no primary key by which rows are found nevertheless (GetRelationIdentityOrPK in relation.c). Generated columns
-- are not compared (tuples_equal in execReplication.c).
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing. Parameter $1: oids of such tables.
-- Returns oid, and a statement that succeeds if the type can be compared: GROUP BY takes the equality operator
-- from the type cache, as apply does, with the members of arrays, domains and composites (typcache.c).
select a.atttypid as type,
       pg_catalog.format('select 1 from (select null::%s) s (c) group by c', pg_catalog.format_type(a.atttypid, null)) as statement
  from unnest($1::oid[]) t (oid)
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
 where not exists (select from pg_catalog.pg_index i where i.indrelid = t.oid and i.indisprimary and i.indisvalid and i.indimmediate)
 group by a.atttypid order by a.atttypid
