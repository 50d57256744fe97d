-- Forbids the run's role to log in. No row if it is gone. Where: source. Privilege: CREATEROLE. Parameter $1: role.
select pg_catalog.format('alter role %I nologin', r.rolname) from pg_catalog.pg_roles r where r.rolname = $1
