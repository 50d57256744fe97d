-- Objects that all databases of a server share: the databases, tablespaces, roles with their memberships, and settings, each as a
-- definition to compare.
-- Where: source and target, control database. Privilege: none (pg_roles shows no password). Locks: none. Changes nothing.
-- Parameters $1: the databases that the run moves, $2: databases to ignore, $3: whether the operator left the others out.
-- Returns kind, name, definition. A changed password is not visible: the hashes are in pg_authid, which only a superuser may read.
--
-- Left out are PostgreSQL's own roles (the server reserves `pg_`), those of runs, and RDS's, by their full names: the name of
-- an application's role may begin with `rds_` as well. Source: Amazon RDS user guide, "Understanding PostgreSQL roles and
-- permissions", "Delegating extension support", "Working with Amazon RDS Proxy"; Aurora's for write forwarding.
-- A membership counts if its member counts, so that a grant of rds_superuser to a role of the application is visible. The
-- options of a membership are columns since 16.
-- Our user's settings in a database are left out if the run sets them on the target, which gets the source's when its apply
-- ends (set_for_apply.sql).
-- A short-lived role is a kind of its own, with its memberships and settings; see short_lived_roles.sql.
-- In a database that is not moved and should not change, owners and grants are counted: these are in
-- pg_shdepend, which is shared. Collation versions and `dathasloginevt` change by themselves.
with role as (
  select r.*, r.rolcanlogin and not (r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls)
              and (r.rolvaliduntil between pg_catalog.now() - interval '32 days' and pg_catalog.now() + interval '32 days'
                   or r.rolname like 'v-%') as is_short_lived
    from pg_catalog.pg_roles r
   where r.rolname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_back)?$)'
     and r.rolname not in ('rds_superuser', 'rds_replication', 'rds_password', 'rds_iam', 'rds_ad', 'rds_extension', 'rds_reserved',
                           'rdsadmin', 'rdsrepladmin', 'rdstopmgr', 'rdsproxyadmin', 'rdswriteforwarduser')),
database as (
  select d.*, $3::bool and not d.datname = any ($1::text[]) as is_left_out
    from pg_catalog.pg_database d where d.datname not in ('template0', 'rdsadmin') and not d.datname = any ($2::text[]))
select case when d.is_left_out then 'database left out' else 'database' end as kind, pg_catalog.format('%I', d.datname) as name,
       row(pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, l.locale,
           d.datistemplate, d.datallowconn, d.datconnlimit, (select t.spcname from pg_catalog.pg_tablespace t where t.oid = d.dattablespace),
           (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C")
              from pg_catalog.unnest(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) i where i::text not like 'rds\_reencrypt\_%'),
           pg_catalog.shobj_description(d.oid, 'pg_database'),
           case when not d.datname = any ($1) and (not d.datallowconn or d.datname = 'template1') then
             (select pg_catalog.string_agg(row(o.class, o.deptype, o.role, o.count)::text, ',' order by o.class, o.deptype, o.role)
                from (select s.classid::pg_catalog.regclass::text as class, s.deptype, pg_catalog.pg_get_userbyid(s.refobjid) as role, pg_catalog.count(*)
                        from pg_catalog.pg_shdepend s
                       where s.dbid = d.oid and s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass group by 1, 2, 3) o) end)::text as definition
  from database d,
       lateral (select (select pg_catalog.string_agg(e.value, ',' order by e.key) from pg_catalog.jsonb_each_text(pg_catalog.to_jsonb(b)) e
                         where e.key in ('datlocprovider', 'datlocale', 'daticulocale', 'daticurules')) as locale
                  from pg_catalog.pg_database b where b.oid = d.oid) l
union all
select 'tablespace', pg_catalog.format('%I', t.spcname),
       row(pg_catalog.pg_get_userbyid(t.spcowner), t.spcoptions, pg_catalog.shobj_description(t.oid, 'pg_tablespace'),
           (select pg_catalog.string_agg(i::text, ',' order by i::text collate "C")
              from pg_catalog.unnest(coalesce(t.spcacl, pg_catalog.acldefault('t', t.spcowner))) i))::text
  from pg_catalog.pg_tablespace t where t.spcname !~ '^pg_'
union all
select case when r.is_short_lived then 'short-lived role' else 'role' end, pg_catalog.format('%I', r.rolname),
       row(r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls, r.rolconnlimit,
           r.rolvaliduntil, pg_catalog.shobj_description(r.oid, 'pg_authid'))::text
  from role r
union all
select case when m.is_short_lived then 'membership of a short-lived role' else 'membership' end,
       pg_catalog.format('of %I in %I', m.member, m.granted), pg_catalog.string_agg(m.definition, ',' order by m.definition collate "C")
  from (select r.rolname as member, pg_catalog.pg_get_userbyid(a.roleid) as granted,
               r.is_short_lived or exists (select from role g where g.oid = a.roleid and g.is_short_lived) as is_short_lived,
               row(pg_catalog.pg_get_userbyid(a.grantor), a.admin_option, pg_catalog.to_jsonb(a) ->> 'inherit_option', pg_catalog.to_jsonb(a) ->> 'set_option')::text as definition
          from pg_catalog.pg_auth_members a join role r on r.oid = a.member) m
 where m.granted !~ '^rds_reencrypt_[0-9a-f]{10}(_back)?$'
 group by m.member, m.granted, m.is_short_lived
union all
select case when d.is_left_out then 'setting left out' when r.is_short_lived then 'setting of a short-lived role' else 'setting' end,
       pg_catalog.format('of %s', case s.setrole when 0 then 'all' else pg_catalog.format('%I', pg_catalog.pg_get_userbyid(s.setrole)) end)
       || case when d.oid is not null then pg_catalog.format(' in database %I', d.datname) else '' end, k.config
  from pg_catalog.pg_db_role_setting s left join role r on r.oid = s.setrole left join database d on d.oid = s.setdatabase
  join lateral (select pg_catalog.string_agg(c, ',' order by c collate "C") as config
                  from pg_catalog.unnest(s.setconfig) c
                 where not (s.setdatabase <> 0 and pg_catalog.pg_get_userbyid(s.setrole) = current_user
                            and pg_catalog.lower(pg_catalog.split_part(c, '=', 1)) in
                                ('array_nulls', 'xmloption', 'client_encoding', 'lc_monetary', 'default_transaction_isolation', 'role', 'statement_timeout', 'lock_timeout',
                                 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout'))) k on k.config is not null
 where (r.oid is not null or s.setrole = 0 or s.setdatabase <> 0) and (d.oid is not null or s.setdatabase = 0)
