-- Whether this database has the run's stored replica identities. Where: source or target. Parameter $1: run.
select pg_catalog.to_regclass(pg_catalog.format('%I.replica_identity', $1::text)) is not null as found
