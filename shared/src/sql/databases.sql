-- The databases that hold an application's data.
-- Where: source, any database. Privilege: none. Returns name, oid, whether it accepts connections and whether we may
-- connect. Locks: none. Changes nothing. `rdsadmin` is RDS's own and closed to everybody.
select d.datname::pg_catalog.text as name, d.oid, d.datallowconn and d.datconnlimit <> 0 as accepts,
       pg_catalog.has_database_privilege(d.oid, 'connect') as may_connect,
       pg_catalog.has_database_privilege(d.oid, 'create') as may_create,
       current_user::pg_catalog.text as us
  from pg_catalog.pg_database d
 where not d.datistemplate and d.datname <> 'rdsadmin'
 order by d.datname
