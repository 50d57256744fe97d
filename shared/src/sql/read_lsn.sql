-- The statement that reads an LSN that was written down. Where: target, the first database of the plan.
-- Parameters $1: run, $2: what it is (keep_lsn).
select pg_catalog.format('select lsn::text as lsn from %I.%I', $1::text, $2::text)
