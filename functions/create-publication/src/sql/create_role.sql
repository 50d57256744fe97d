-- Statements that create the run's role: the claim on the source, and later the subscription's user. It has no
-- password yet, so nobody can log in as it. Event triggers on logins fire for walsenders too, and do not know this role: it is a
-- replica, for which they do not fire.
-- Where: source, control database, under claim_lock. Privilege: CREATEROLE, and ADMIN on rds_replication, which the
-- master user has. Parameters $1: role, $2: the execution's name, $3: the databases.
select pg_catalog.format('create role %I login', $1::text)
union all
select pg_catalog.format('comment on role %I is %L', $1, $2::text)
union all
select pg_catalog.format('grant rds_replication to %I', $1)
union all
select pg_catalog.format('grant connect on database %I to %I', d.datname, $1)
  from pg_catalog.pg_database d
 where d.datname = any ($3::text[])
   and not exists (select from pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
                    where a.grantee = 0 and a.privilege_type = 'CONNECT')
union all
select pg_catalog.format('alter role %I set session_replication_role = replica', $1)
 where exists (select from pg_catalog.pg_database d where pg_catalog.to_jsonb(d) ->> 'dathasloginevt' = 'true')
