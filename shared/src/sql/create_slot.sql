-- Makes the slot of one database. Cannot run in a transaction that has written.
-- Where: source, that database. Privilege: rds_replication. Waits until every transaction that runs now has ended:
-- hence the statement timeout. Parameter $1: slot.
select lsn::text as lsn from pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput')
