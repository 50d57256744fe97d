-- A hash of each of some parts of large objects, in order. Only a superuser may read pg_largeobject itself.
-- Where: source and target, each database. Privilege: SELECT on the objects. Locks: none. Changes nothing.
-- Parameters $1: oids, $2: begin of each part, $3: length of parts, except the last one of an object.
select pg_catalog.array_agg(pg_catalog.hash_array_extended(array[pg_catalog.lo_get(p.oid, p.begin, $3::int4)], 0) order by p.place) as hashes
  from rows from (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::int8[])) with ordinality p (oid, begin, place)
