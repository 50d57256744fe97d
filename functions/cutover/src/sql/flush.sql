-- Makes its transaction write WAL, so that its commit waits until that is on disk, and with it everything before, including
-- an apply that waits for no disk.
-- Where: source or target, any database. Privilege: none. Returns the end of the message's record: every earlier commit record
-- ends at or before that LSN, and all of it can be sent.
select pg_catalog.pg_logical_emit_message(true, 'rds-reencrypt', 'drain')::text as lsn
