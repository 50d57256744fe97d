-- The execution that has the role of a way back, by the role's comment. No row if the way back is closed.
-- Where: the way back's source, any database. Privilege: none. Parameter $1: role.
select coalesce(pg_catalog.shobj_description(r.oid, 'pg_authid'), '') as execution from pg_catalog.pg_roles r where r.rolname = $1
