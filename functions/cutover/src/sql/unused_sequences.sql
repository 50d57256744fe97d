-- The statement that reads each of these sequences itself: only so a sequence that was set, but not
-- used since, shows where it starts. The server needs most of a second to plan this for a thousand, so the others are read at once.
-- Where: source, each database. Privilege: SELECT on the sequences. Parameter $1: oids, one at least.
select pg_catalog.string_agg(pg_catalog.format('select %s::oid as oid, last_value, is_called from %I.%I', c.oid, n.nspname, c.relname),
                             ' union all ' order by c.oid)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.oid = any ($1::oid[])
