-- The statement that reads the start LSN that was written down. Where: copy, the first database of the plan. Parameter $1: run.
select pg_catalog.format('select lsn::text as lsn from %I.start', $1::text)
