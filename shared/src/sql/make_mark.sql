-- The statement that writes a mark on the source, whose commit is on disk when it answers, and with it every commit
-- before: one that was not waited for would stay where no walsender sees it.
-- Where: source, each database. Privilege: owner of the run's schema. Parameters $1: run, $2: mark.
-- That statement returns the position before the mark: every commit that the mark stands behind ends before it.
select pg_catalog.format('insert into %I.marks values (%L) returning pg_catalog.pg_current_wal_insert_lsn()::text as lsn', $1::text, $2::text)
