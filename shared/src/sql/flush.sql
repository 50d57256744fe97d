-- Writes a transaction of our own, waits until its commit is on disk, and with it all that came before: a session with
-- synchronous_commit off leaves its commits where no walsender sees them yet.
-- Where: source or copy, any database. Privilege: none. Returns the end of the message's record: every commit record before
-- it ends at or before that LSN, and all of it can be sent.
select pg_catalog.pg_logical_emit_message(true, 'rds-reencrypt', 'drain')::text as lsn
