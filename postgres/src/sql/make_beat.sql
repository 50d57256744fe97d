-- The statement that writes a heartbeat on the source. The lock serializes them, so that heartbeats are in the order
-- of their commits: a heartbeat's commit begins at or after its own at_lsn, and before the at_lsn of the next one.
-- Where: source, each database. Privilege: owner of the run's schema. Lock: SHARE ROW EXCLUSIVE on the table of heartbeats, which
-- nobody else writes. Parameter $1: run.
select pg_catalog.format('lock table %1$I.beats in share row exclusive mode; '
                         'insert into %1$I.beats (at_lsn) values (pg_catalog.pg_current_wal_insert_lsn())', $1::text)
