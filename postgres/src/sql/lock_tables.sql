-- The statements, one per table, that stop all writers of the tables with these oids, in the given order;
-- readers go on.
-- Where: source, each database. Privilege: owner of the tables. Lock: as named, until the transaction ends.
-- Parameters $1: oids, $2: lock mode. A table that is gone is left out.
select pg_catalog.format('lock table only %I.%I in %s mode', n.nspname, c.relname, $2::text)
  from unnest($1::oid[]) with ordinality as o (oid, place)
  join pg_catalog.pg_class c on c.oid = o.oid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 order by o.place
