-- Other executions that hold this server: each has a role with the prefix, and the execution's name in its comment.
-- Where: source, any database. Privilege: none. Locks: none. Changes nothing. Parameter $1: our own run's name.
select coalesce(pg_catalog.shobj_description(r.oid, 'pg_authid'), r.rolname::pg_catalog.text) as execution
  from pg_catalog.pg_roles r
 where r.rolname ~ '^rds_reencrypt_[0-9a-f]{10}(_back)?$' and r.rolname <> $1
