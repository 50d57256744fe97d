-- How a role logs in: by IAM instead of a password, if it is a member of rds_iam; and how the server hashes new passwords.
-- Where: target, any database. Privilege: none. Locks: none. Parameter $1: role. Returns by_iam, password_encryption.
-- Source: Amazon RDS user guide, "Creating a database account using IAM authentication".
select exists (select from pg_catalog.pg_roles role, pg_catalog.pg_roles iam
                where role.rolname = $1 and iam.rolname = 'rds_iam' and not role.rolsuper
                  and pg_catalog.pg_has_role(role.oid, iam.oid, 'member')) as by_iam,
       pg_catalog.current_setting('password_encryption') as password_encryption
