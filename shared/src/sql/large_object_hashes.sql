-- A hash of each of some parts of large objects, in their order. pg_largeobject itself is closed to all but a superuser.
-- Where: source and target, each database. Privilege: SELECT on the objects. Locks: none. Changes nothing.
-- Parameters $1: oids, $2: where each part begins, $3: how long parts are, the last one of an object aside.
select pg_catalog.array_agg(pg_catalog.hash_array_extended(array[pg_catalog.lo_get(p.oid, p.begin, $3::int4)], 0) order by p.place) as hashes
  from rows from (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::int8[])) with ordinality p (oid, begin, place)
