-- Sets where replication starts, and reads it back.
-- Where: target, each database, subscription disabled. Privilege: EXECUTE on the function.
-- Parameters $1: oid of the subscription (the origin's name is made of it), $2: LSN.
select pg_catalog.pg_replication_origin_advance('pg_' || $1::oid, $2::text::pg_lsn)
