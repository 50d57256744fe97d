-- The number of locks that the cutover holds in this database at once: on all tables that it fences (unfenced_tables.sql), and on the
-- sequences that it reads after them in the same transaction (sequences.sql).
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.count(*) filter (where c.relkind <> 'S') as tables, pg_catalog.count(*) filter (where c.relkind = 'S') as sequences
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'S') and c.relpersistence in ('p', 'u') and c.oid >= 16384
   and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
   and (pg_catalog.pg_has_role(c.relowner, 'usage')
        or not exists (select from pg_catalog.pg_depend d
                        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
