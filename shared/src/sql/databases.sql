-- The databases that hold an application's data.
-- Where: source, any database. Privilege: pg_monitor, without which connections of others are not counted.
-- Returns name, oid, whether it accepts connections and whether we may connect, its limit of connections (-1: none) and
-- how many there are. Locks: none. Changes nothing. `rdsadmin` is RDS's own and closed to everybody.
select d.datname::pg_catalog.text as name, d.oid, d.datallowconn and d.datconnlimit <> 0 as accepts,
       pg_catalog.has_database_privilege(d.oid, 'connect') as may_connect,
       pg_catalog.has_database_privilege(d.oid, 'create') as may_create,
       current_user::pg_catalog.text as us, d.datconnlimit as connection_limit,
       (select pg_catalog.count(*) from pg_catalog.pg_stat_activity a where a.datid = d.oid) as connections,
       pg_catalog.format('grant connect on database %I to %I', d.datname, current_user) as grant_connect,
       pg_catalog.format('grant create on database %I to %I', d.datname, current_user) as grant_create
  from pg_catalog.pg_database d
 where not d.datistemplate and d.datname <> 'rdsadmin'
 order by d.datname
