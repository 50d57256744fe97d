-- The statement that reads a stored LSN. Where: target, the first database of the plan.
-- Parameters $1: run, $2: its kind (keep_lsn).
select pg_catalog.format('select lsn::text as lsn from %I.%I', $1::text, $2::text)
