-- Lets one run at a time claim the server. Advisory locks belong to a database, so every run locks in the control
-- database. Where: source, control database. Privilege: none. Lock: until the transaction ends.
select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('rds-reencrypt'))
