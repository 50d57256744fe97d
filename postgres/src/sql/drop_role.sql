-- Statements that drop the run's role with its grants. No row if it is gone. The first one forbids its login, so
-- that its walsenders, once ended, do not return.
-- Where: source or target, control database. Privilege: CREATEROLE. Parameter $1: role.
select pg_catalog.format('revoke all on database %I from %I', d.datname, r.rolname)
  from pg_catalog.pg_roles r, pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a
 where r.rolname = $1 and a.grantee = r.oid
 group by d.datname, r.rolname
union all
select pg_catalog.format('drop role %I', r.rolname) from pg_catalog.pg_roles r where r.rolname = $1
