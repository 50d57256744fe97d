-- The databases of a server.
-- Where: source, any database. Privilege: pg_monitor, without which other users' connections are not counted.
-- Returns name, oid, whether it accepts connections and whether we may connect, its limit of connections (-1: none, -2: a DROP
-- DATABASE was interrupted) and their number; whether it is a template, and how many objects users have created in it
-- (a superuser's are not counted: they are not in pg_shdepend). Locks: none. Changes nothing.
-- `rdsadmin` is RDS's own and closed to everybody, `template0` is nobody's.
select d.datname::pg_catalog.text as name, d.oid, d.datallowconn and d.datconnlimit not in (0, -2) as accepts, d.datistemplate as is_template,
       pg_catalog.has_database_privilege(d.oid, 'connect') as may_connect,
       pg_catalog.has_database_privilege(d.oid, 'create') as may_create,
       current_user::pg_catalog.text as us, d.datconnlimit as connection_limit,
       (select pg_catalog.count(*) from pg_catalog.pg_stat_activity a where a.datid = d.oid) as connections,
       case when d.datistemplate then
         (select pg_catalog.count(*) from pg_catalog.pg_shdepend s where s.dbid = d.oid and s.deptype = 'o') else 0 end as objects,
       pg_catalog.format('grant connect on database %I to %I', d.datname, current_user) as grant_connect,
       pg_catalog.format('grant create on database %I to %I', d.datname, current_user) as grant_create,
       pg_catalog.format('alter database %I allow_connections false', d.datname) as close
  from pg_catalog.pg_database d
 where d.datname not in ('template0', 'rdsadmin')
 order by d.datname
