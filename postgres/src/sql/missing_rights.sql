-- Owners whose rights we lack on tables and sequences: publishing, locking, fencing and setting need them. Since 16 a
-- membership can be without them (inherit), and without the right to become the owner, as whom apply works (set); before, a
-- role can be one that does not inherit.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
with me as (select r.rolname, r.rolinherit, pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000 as major
              from pg_catalog.pg_roles r where r.rolname = current_user),
owned as (
  select c.relowner, pg_catalog.pg_has_role(c.relowner, 'usage') as has_rights, pg_catalog.count(*) as number
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'S') and c.relpersistence in ('p', 'u') and c.oid >= 16384
     and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
     and (pg_catalog.pg_has_role(c.relowner, 'usage')
          or not exists (select from pg_catalog.pg_depend d
                          where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
   group by c.relowner)
select pg_catalog.format(case when o.has_rights then '%s may not become the owner of %s tables and sequences, %s (set role)'
                              else '%s has no owner''s rights on %s tables and sequences of %s' end,
                         me.rolname, o.number, pg_catalog.pg_get_userbyid(o.relowner)) as lacks,
       case when me.major >= 16
            then pg_catalog.format('grant %I to %I with inherit true, set true', pg_catalog.pg_get_userbyid(o.relowner), me.rolname)
            when not me.rolinherit and pg_catalog.pg_has_role(o.relowner, 'member') then pg_catalog.format('alter role %I inherit', me.rolname)
            else pg_catalog.format('grant %I to %I', pg_catalog.pg_get_userbyid(o.relowner), me.rolname) end as statement
  from owned o cross join me
 where not o.has_rights or case when me.major >= 16 then not pg_catalog.pg_has_role(o.relowner, 'set') else false end
 order by 1
