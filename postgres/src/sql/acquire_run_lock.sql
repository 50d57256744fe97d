-- Waits for the run lock, and holds it until the session ends.
-- Where: source, control database. Privilege: none. Lock: advisory. Parameter $1: run.
select pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended($1, 1))
