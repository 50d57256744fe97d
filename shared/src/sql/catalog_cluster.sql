-- Roles, their memberships and their settings in all databases, each as a definition to compare.
-- Where: source and copy, any database. Privilege: none (pg_roles shows no password). Locks: none. Changes nothing.
-- Returns kind, name, definition. A changed password cannot be seen: the hashes lie in pg_authid, which is closed to
-- all but a superuser. Roles of PostgreSQL, of RDS and of runs are left out; a membership counts by who the member is,
-- so that a grant of rds_superuser to a role of the application is seen. The options of a membership are columns since 16.
with role as (select * from pg_catalog.pg_roles
               where rolname !~ '^(pg_|rds_|rds[a-z]*admin$|rdstopmgr$|rdswriteforwarduser$)')
select 'role' as kind, pg_catalog.format('%I', r.rolname) as name,
       row(r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolconnlimit,
           r.rolvaliduntil, pg_catalog.shobj_description(r.oid, 'pg_authid'))::text as definition
  from role r
union all
select 'membership', pg_catalog.format('of %I in %I', r.rolname, pg_catalog.pg_get_userbyid(m.roleid)),
       pg_catalog.string_agg(row(pg_catalog.pg_get_userbyid(m.grantor), m.admin_option, pg_catalog.to_jsonb(m) ->> 'inherit_option', pg_catalog.to_jsonb(m) ->> 'set_option')::text,
                             ',' order by pg_catalog.pg_get_userbyid(m.grantor))
  from pg_catalog.pg_auth_members m join role r on r.oid = m.member
 where pg_catalog.pg_get_userbyid(m.roleid) !~ '^rds_reencrypt_'
 group by r.rolname, m.roleid
union all
select 'setting', pg_catalog.format('of %I', r.rolname), s.setconfig::text
  from pg_catalog.pg_db_role_setting s join role r on r.oid = s.setrole
 where s.setdatabase = 0
