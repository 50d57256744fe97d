-- Creates the slot of one database. Cannot run in a transaction that has written.
-- Where: source, that database. Privilege: rds_replication. Waits for the end of every transaction that runs now:
-- hence the statement timeout. Parameter $1: slot.
select lsn::text as lsn from pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput')
