-- Whether this database has the run's memory of replica identities. Where: source or target. Parameter $1: run.
select pg_catalog.to_regclass(pg_catalog.format('%I.replica_identity', $1::text)) is not null as found
