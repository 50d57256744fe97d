-- The position of an origin. Where: target. Privilege: EXECUTE. Parameter $1: oid of the subscription.
select pg_catalog.pg_replication_origin_progress('pg_' || $1::oid, true)::text as lsn
