-- Statements that create what a way back needs besides the tables of a run: the positions at which the target was handed over, and the
-- replica identities that the run has stored, which are put back when the way back ends.
-- Where: source and target, each database. Privilege: owner of both schemas. Parameters $1: way back, $2: run. Twice: nothing happens.
select pg_catalog.format('create table if not exists %I.handover (at_lsn pg_lsn not null)', $1::text)
union all
select pg_catalog.format('insert into %I.replica_identity select * from %I.replica_identity on conflict do nothing', $1, $2::text)
 where pg_catalog.to_regclass(pg_catalog.format('%I.replica_identity', $2::text)) is not null
