-- Roles that are created for a limited time, as Vault and similar tools do: they log in, have no attribute, and expire within
-- the 32 days that a lease of Vault's may last by default, or have a name of Vault's form. Their issuer removes them again;
-- nobody can create them on the target, since nobody knows their passwords. One that expired within the last 32 days may still wait
-- for its removal; one that expired before that was closed by a person, and stays. catalog_cluster.sql recognizes them by the same marks.
-- Where: source, any database. Privilege: none. Locks: none. Changes nothing.
-- Returns name, and whether it has rights of its own, which are part of the definitions of the objects.
select pg_catalog.format('%I', r.rolname) as name,
       exists (select from pg_catalog.pg_shdepend d
                where d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and d.refobjid = r.oid and d.deptype in ('o', 'a')) as has_rights
  from pg_catalog.pg_roles r
 where r.rolcanlogin and not (r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls)
   and (r.rolvaliduntil between pg_catalog.now() - interval '32 days' and pg_catalog.now() + interval '32 days'
        or r.rolname like 'v-%')
   and r.rolname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}$)'
 order by r.rolname
