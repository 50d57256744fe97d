-- The statement that reads all sequences of this database, identity columns' too, by themselves: the view
-- pg_sequences does not tell one that was set but not yet used.
-- Those of an extension that are somebody else's are left out.
-- Where: source, each database. Privilege: SELECT on the sequences. Returns no row where there are none.
select pg_catalog.string_agg(pg_catalog.format('select %s::oid as oid, last_value, is_called from %I.%I', c.oid, n.nspname, c.relname),
                             ' union all ' order by c.oid)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'S' and c.relpersistence <> 't' and n.nspname <> $1
   and (pg_catalog.pg_has_role(c.relowner, 'usage')
        or not exists (select from pg_catalog.pg_depend d
                        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
having pg_catalog.count(*) > 0
