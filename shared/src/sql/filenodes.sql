-- The file that each of these tables is in now, whatever the transaction's snapshot: it is another one after TRUNCATE and
-- after ALTER TABLE, CLUSTER and VACUUM FULL that rewrite, and those are not seen through snapshots ("Caveats" in the
-- chapter on concurrency control). Tables that are gone are left out.
-- Where: source and target, each database. Privilege: none. Parameter $1: oids.
select o.oid, pg_catalog.pg_relation_filenode(o.oid) as filenode
  from unnest($1::oid[]) as o (oid)
 where pg_catalog.pg_relation_filenode(o.oid) is not null
