-- Statements after which a session has an unknown role, as the run's role is, with which the target's walsender logs in.
-- Where: source, any database, in a transaction that is rolled back. Privilege: CREATEROLE. Parameter $1: role.
select pg_catalog.format('create role %I', $1::text)
union all
select pg_catalog.format('grant %I to %I', $1, current_user)
union all
select pg_catalog.format('set local role %I', $1)
