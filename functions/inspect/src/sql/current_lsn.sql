-- The position up to which the server has written WAL.
-- Where: source, any database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.pg_current_wal_lsn()::pg_catalog.text as lsn
