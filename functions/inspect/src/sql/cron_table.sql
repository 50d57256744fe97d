-- pg_cron's table of jobs in this database, if it exists, and the statement that reads the active ones: job,
-- database. `limited`: row security hides other users' jobs from us.
-- Where: source, each database, and the one in which pg_cron keeps its jobs. Privilege: none. Locks: none. Changes nothing.
select 'select jobid::int8 as job, database::text as database from cron.job where active order by jobid' as statement,
       pg_catalog.has_schema_privilege('cron', 'usage') and pg_catalog.has_table_privilege(j.oid, 'select') as may_read,
       pg_catalog.row_security_active(j.oid) as limited, current_user::pg_catalog.text as us,
       pg_catalog.format('grant usage on schema cron to %I; grant select on cron.job to %I', current_user, current_user) as grant_read
  from (select pg_catalog.to_regclass('cron.job')::pg_catalog.oid as oid) j
 where 3 = (select pg_catalog.count(*) from pg_catalog.pg_attribute a
             where a.attrelid = j.oid and a.attname in ('jobid', 'database', 'active') and not a.attisdropped)
