-- Non-ASCII names of tables, sequences, views and columns, if the database's encoding is not UTF-8: the run handles
-- names as UTF-8.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing. Returns name.
select n.name
  from (select pg_catalog.format('%I.%I', s.nspname, c.relname) as name, c.oid
          from pg_catalog.pg_class c join pg_catalog.pg_namespace s on s.oid = c.relnamespace
         where c.relkind in ('r', 'p', 'S', 'v', 'm', 'f') and c.oid >= 16384
         union all
        select pg_catalog.format('%I.%I.%I', s.nspname, c.relname, a.attname), c.oid
          from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace s on s.oid = c.relnamespace
         where c.relkind in ('r', 'p') and c.oid >= 16384 and a.attnum > 0 and not a.attisdropped and a.attname::pg_catalog.text ~ '[^\x01-\x7f]') n
 where pg_catalog.getdatabaseencoding() <> 'UTF8' and n.name ~ '[^\x01-\x7f]'
 order by n.oid
