-- Databases that take writes and are not moved: created since the plan, or opened to connections since then.
-- Where: source, any database. Privilege: none. Locks: none. Changes nothing. Parameter $1: the databases that the run moves.
-- Returns their names. `template1` accepts connections everywhere.
select d.datname::pg_catalog.text as name
  from pg_catalog.pg_database d
 where d.datallowconn and d.datconnlimit not in (0, -2) and d.datname not in ('template0', 'template1', 'rdsadmin')
   and not d.datname = any ($1::text[])
 order by d.datname
