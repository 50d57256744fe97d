-- Memberships and attributes that we lack, with the statement that grants them. rds_superuser (event triggers, origins,
-- subscriptions) is a member of the others, so these are checked only if we have it: rds_replication: slots, and granted
-- to the run's role. pg_monitor: others' transactions, walsenders, all settings. pg_signal_backend: ending sessions.
-- pg_create_subscription (16+). CREATEROLE: the run's role. A membership that is not inherited grants nothing.
-- Where: source, any database. Privilege: none. Locks: none. Changes nothing.
-- Source: PostgreSQL documentation, "Predefined Roles"; Amazon RDS user guide, "Understanding the rds_superuser role".
with me as (select r.oid, r.rolname, r.rolinherit, r.rolcreaterole or r.rolsuper as may_create_roles,
                   exists (select from pg_catalog.pg_roles g
                            where g.rolname = 'rds_superuser' and pg_catalog.pg_has_role(r.oid, g.oid, 'usage')) as is_master
              from pg_catalog.pg_roles r where r.rolname = current_user)
select pg_catalog.format('%s is no member of %s', me.rolname, r.rolname) as lacks,
       case when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 160000
            then pg_catalog.format('grant %I to %I with inherit true', r.rolname, me.rolname)
            when not me.rolinherit and pg_catalog.pg_has_role(me.oid, r.oid, 'member') then pg_catalog.format('alter role %I inherit', me.rolname)
            else pg_catalog.format('grant %I to %I', r.rolname, me.rolname) end as statement
  from me join pg_catalog.pg_roles r
    on case when me.is_master then r.rolname in ('rds_replication', 'pg_monitor', 'pg_signal_backend', 'pg_create_subscription')
            else r.rolname = 'rds_superuser' end
 where not pg_catalog.pg_has_role(me.oid, r.oid, 'usage')
union all
select pg_catalog.format('%s may not create roles', rolname), pg_catalog.format('alter role %I createrole', rolname)
  from me where not may_create_roles
