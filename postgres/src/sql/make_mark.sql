-- The statement that writes a mark on the source. When it returns, its commit is on disk, and with it every commit
-- before: an asynchronous one would otherwise stay where no walsender reads it.
-- Where: source, each database. Privilege: owner of the run's schema. Parameters $1: run, $2: mark.
-- That statement returns the position before the mark: every commit before the mark ends before it.
select pg_catalog.format('insert into %I.marks values (%L) returning pg_catalog.pg_current_wal_insert_lsn()::text as lsn', $1::text, $2::text)
