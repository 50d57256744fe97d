-- The statement that writes a beat on the source. The lock makes them one after another, so that the order of the beats is that
-- of their commits: a beat's commit begins at or behind its own at_lsn, and before the at_lsn of the next one.
-- Where: source, each database. Privilege: owner of the run's schema. Lock: SHARE ROW EXCLUSIVE on the table of beats, which
-- nobody else writes. Parameter $1: run.
select pg_catalog.format('lock table %1$I.beats in share row exclusive mode; '
                         'insert into %1$I.beats (at_lsn) values (pg_catalog.pg_current_wal_insert_lsn())', $1::text)
