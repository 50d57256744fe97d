-- Owners whose rights we lack on tables and sequences: publishing, locking, fencing and setting need them.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.format('%s has no owner''s rights on %s tables and sequences of %s', current_user, pg_catalog.count(*),
                         pg_catalog.pg_get_userbyid(c.relowner)) as lacks,
       pg_catalog.format('grant %I to %I', pg_catalog.pg_get_userbyid(c.relowner), current_user) as statement
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'S') and c.relpersistence in ('p', 'u') and c.oid >= 16384
   and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
   and not pg_catalog.pg_has_role(c.relowner, 'usage')
   and not exists (select from pg_catalog.pg_depend d
                    where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 group by c.relowner order by 1
