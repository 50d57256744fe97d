-- Whether the run's role exists. Where: source or target. Privilege: none. Parameter $1: role.
select exists (select from pg_catalog.pg_roles where rolname = $1) as found
