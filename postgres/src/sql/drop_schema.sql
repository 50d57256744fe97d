-- Drops the run's own schema. No row if it is gone.
-- Where: source or target, each database. Privilege: owner. Parameter $1: schema.
select pg_catalog.format('drop schema %I cascade', n.nspname) from pg_catalog.pg_namespace n where n.nspname = $1
