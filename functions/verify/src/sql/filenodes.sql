-- The current file of each of these tables, whatever the transaction's snapshot. It changes with TRUNCATE and
-- with rewrites by ALTER TABLE, CLUSTER and VACUUM FULL, which snapshots do not show ("Caveats" in the
-- chapter on concurrency control). Tables that are gone are left out.
-- Where: source and target, each database. Privilege: none. Parameter $1: oids.
select o.oid, pg_catalog.pg_relation_filenode(o.oid) as filenode
  from unnest($1::oid[]) as o (oid)
 where pg_catalog.pg_relation_filenode(o.oid) is not null
