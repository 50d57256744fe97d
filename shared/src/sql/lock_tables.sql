-- The statement that stops all writers of the tables with these oids; readers go on.
-- Where: source, each database. Privilege: owner of the tables. Lock: as named, until the transaction ends.
-- Parameters $1: oids, $2: lock mode.
select pg_catalog.format('lock table only %s in %s mode',
         pg_catalog.string_agg(pg_catalog.format('%I.%I', n.nspname, c.relname), ', only ' order by c.oid), $2::text)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid = any ($1::oid[]) having pg_catalog.count(*) > 0
