-- The next large objects by oid, and the length of each; null if we may not read it, see large_objects.sql.
-- Where: source and target, each database. Privilege: SELECT on the objects. Locks: none. Changes nothing: 262144 is INV_READ
-- (libpq-fs.h), and an opened object is closed with the statement's transaction, or with ours. Reads the transaction's snapshot.
-- Parameters $1: the oid before them, $2: how many.
select o.oid, pg_catalog.lo_lseek64(o.opened, 0, 2) as size
  from (select m.oid,
               case when exists (select from pg_catalog.aclexplode(coalesce(m.lomacl, pg_catalog.acldefault('L', m.lomowner))) a
                                  where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_catalog.pg_has_role(a.grantee, 'usage')))
                    then pg_catalog.lo_open(m.oid, 262144) end as opened
          from (select * from pg_catalog.pg_largeobject_metadata where oid > $1::oid order by oid limit $2::int8) m offset 0) o
 order by o.oid
