-- Ends the application's sessions in all databases that moved, so that pools read their secret again. Walsenders are
-- not client backends, and stay; RDS's own sessions belong to a superuser.
-- Where: source, any database. Privilege: pg_signal_backend. Parameters $1: databases, $2: our application_name.
select pg_catalog.count(pg_catalog.pg_terminate_backend(a.pid)) as ended
  from pg_catalog.pg_stat_activity a join pg_catalog.pg_roles r on r.oid = a.usesysid
 where a.backend_type = 'client backend' and a.datname = any ($1::text[]) and not r.rolsuper
   and a.application_name <> $2 and a.pid <> pg_catalog.pg_backend_pid()
