-- The statement that reads the heartbeats in order.
-- Where: source or target, each database. Privilege: owner of the run's schema. Parameter $1: run.
-- That statement returns per heartbeat its number, and the source's WAL position at its write, as text.
select pg_catalog.format('select beat, at_lsn::text as at_lsn from %I.beats order by beat', $1::text)
