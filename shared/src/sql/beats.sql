-- The statement that reads the beats, in their order.
-- Where: source or target, each database. Privilege: owner of the run's schema. Parameter $1: run.
-- That statement returns per beat its number, and the source's WAL position when it was written, as text.
select pg_catalog.format('select beat, at_lsn::text as at_lsn from %I.beats order by beat', $1::text)
