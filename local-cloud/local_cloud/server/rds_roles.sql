-- The roles of RDS for PostgreSQL (user guide, "Understanding PostgreSQL roles and permissions"): rds_superuser has no
-- attribute of its own, only memberships, and passes them on.

create role rds_superuser nologin;
create role rds_replication nologin;
create role rds_password nologin;
create role rds_iam nologin;
grant rds_replication, rds_password to rds_superuser with admin option;

do $$
declare
  predefined name;
begin
  for predefined in
    select rolname from pg_catalog.pg_roles
     where rolname in ('pg_monitor', 'pg_signal_backend', 'pg_checkpoint', 'pg_use_reserved_connections',
                       'pg_create_subscription')
  loop
    execute format('grant %I to rds_superuser with admin option', predefined);
  end loop;
end
$$;

-- Settings that the module rds_superuser lets through before 15.
do $$
declare
  setting text;
begin
  if current_setting('server_version_num')::integer >= 150000 then
    foreach setting in array array['session_replication_role', 'log_statement', 'log_min_duration_statement',
                                   'log_min_messages', 'log_min_error_statement', 'log_duration']
    loop
      execute format('grant set on parameter %I to rds_superuser', setting);
    end loop;
  end if;
end
$$;

-- In every database.

-- rds_superuser may read and advance replication origins. Since 14 that is a matter of grants; up to 13 the functions
-- ask for a superuser in C, so they are put behind functions that run as their owner.
do $$
declare
  original record;
begin
  for original in
    select oid::regprocedure as signature, proname, prosrc, proisstrict, provolatile,
           pg_get_function_arguments(oid) as arguments, pg_get_function_result(oid) as result
      from pg_catalog.pg_proc
     where pronamespace = 'pg_catalog'::regnamespace and proname like 'pg\_replication\_origin\_%'
  loop
    if current_setting('server_version_num')::integer < 140000 then
      execute format('alter function %s rename to %I', original.signature, 'superuser_' || original.proname);
      execute format('create function pg_catalog.%I(%s) returns %s'
                     ' language internal volatile security definer %s as %L',
                     original.proname, original.arguments, original.result,
                     case when original.proisstrict then 'strict' else '' end, original.prosrc);
      execute format('revoke execute on function %s from public',
                     format('pg_catalog.%I(%s)', original.proname, original.arguments)::regprocedure);
    end if;
    execute format('grant execute on function %s to rds_superuser',
                   format('pg_catalog.%I(%s)', original.proname, original.arguments)::regprocedure);
  end loop;
end
$$;

do $$
begin
  if current_setting('server_version_num')::integer >= 140000 then
    grant execute on function pg_catalog.pg_show_replication_origin_status() to rds_superuser;
    grant select on pg_catalog.pg_replication_origin_status to rds_superuser;
  end if;
end
$$;
