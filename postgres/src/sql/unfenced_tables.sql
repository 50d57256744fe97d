-- Tables to which writes could bypass the fence: every table that is not temporary, including partitioned ones, since a
-- statement's triggers are those of the table that it names.
-- Where: source, each database. Privilege: none. Parameters $1: fence, $2: run (its own schema and that of its way back are left out).
select c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as name
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and c.relpersistence in ('p', 'u') and c.oid >= 16384
   and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname not in ($2::text, $2::text || '_back')
   and (pg_catalog.pg_has_role(c.relowner, 'usage')
        or not exists (select from pg_catalog.pg_depend d
                        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
   and not exists (select from pg_catalog.pg_trigger t
                    where t.tgrelid = c.oid and t.tgenabled = 'A'
                      and t.tgfoid = pg_catalog.to_regprocedure(pg_catalog.format('%I.write()', $1::text)))
 order by c.oid
