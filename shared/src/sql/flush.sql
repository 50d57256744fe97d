-- Has its transaction write WAL, so that its commit waits until that is on disk, and with it all that came before, be it an apply
-- that waits for no disk.
-- Where: source or target, any database. Privilege: none. Returns the end of the message's record: every commit record before
-- it ends at or before that LSN, and all of it can be sent.
select pg_catalog.pg_logical_emit_message(true, 'rds-reencrypt', 'drain')::text as lsn
