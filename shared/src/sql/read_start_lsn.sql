-- The statement that reads the start LSN that was written down. Where: copy, control database. Parameter $1: run.
select pg_catalog.format('select lsn::text as lsn from %I.start', $1::text)
