-- Ends sessions that an earlier call of this run may have left, with their locks; returns how many remain.
-- Where: source or target, any database. Privilege: own role. Parameter $1: application_name of those sessions.
select pg_catalog.count(pg_catalog.pg_terminate_backend(a.pid)) as found
  from pg_catalog.pg_stat_activity a
 where a.application_name = $1 and a.pid <> pg_catalog.pg_backend_pid()
