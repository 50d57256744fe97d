-- Sets the position at which replication starts, and returns it.
-- Where: target, each database, subscription disabled. Privilege: EXECUTE on the function.
-- Parameters $1: oid of the subscription (part of the origin's name), $2: LSN.
select pg_catalog.pg_replication_origin_advance('pg_' || $1::oid, $2::text::pg_lsn)
