-- The number of large objects, the number that we may not read, the grants that would let us, and their total size.
-- Where: source, each database. Privilege: none (the metadata catalog is public). Locks: none. Changes nothing.
-- Rights are those of pg_largeobject_aclmask_snapshot in aclchk.c; has_largeobject_privilege exists only since 18.
select pg_catalog.count(*) as large_objects,
       pg_catalog.count(*) filter (where not o.readable) as unreadable,
       pg_catalog.string_agg(distinct pg_catalog.format('grant %I to %I', pg_catalog.pg_get_userbyid(o.lomowner), current_user), '; ')
         filter (where not o.readable) as grants,
       pg_catalog.pg_relation_size('pg_catalog.pg_largeobject') as bytes
  from (select m.lomowner,
               exists (select from pg_catalog.aclexplode(coalesce(m.lomacl, pg_catalog.acldefault('L', m.lomowner))) a
                        where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_catalog.pg_has_role(a.grantee, 'usage'))) as readable
          from pg_catalog.pg_largeobject_metadata m) o
