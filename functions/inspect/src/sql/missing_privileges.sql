-- Privileges that are missing although we have the owners' rights: an owner can have revoked them from himself, and then
-- nobody has them. Checked are those that the run's own sessions need (LOCK TABLE: one of three; the fence's triggers; reading
-- to verify; sequences: read on the source, set on the target, which has the same grants), and those that apply requires since
-- 15, then of the subscription's owner, since 16 of the table's (TargetPrivilegesCheck in worker.c), which it must also be
-- able to become (SwitchToUntrustedUser in usercontext.c).
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing. Parameter $1: oids of the replicated tables.
-- Returns the role, the privilege and the objects, as a GRANT names them: statement is its head, followed by the names and its tail.
-- An object without an access list has the default one.
with me as (select r.oid, r.rolname, r.rolsuper, pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000 as major
              from pg_catalog.pg_roles r where r.rolname = current_user),
relation as (
  select c.oid, c.relkind, c.relowner, c.relnamespace, c.relacl is not null as has_list, t.oid is not null as carried,
         pg_catalog.format('%I.%I', n.nspname, c.relname) as name
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join unnest($1::oid[]) t (oid) on t.oid = c.oid
   where c.relkind in ('r', 'p', 'S') and c.relpersistence in ('p', 'u') and c.oid >= 16384
     and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
     and pg_catalog.pg_has_role(c.relowner, 'usage')),
wanted as (
  select case when r.relkind = 'S' then 'sequence' else 'table' end as kind, p.who, r.oid, r.name, w.privilege
    from relation r cross join me
    cross join lateral (select me.oid as who, case r.relkind when 'S' then array['select', 'update'] else array['select', 'trigger'] end as privileges
                         where r.relkind = 'S' or r.carried
                        union all
                        select me.oid, array['trigger'] where r.relkind <> 'S' and not r.carried
                        union all
                        select case when me.major >= 16 then r.relowner else me.oid end, array['select', 'insert', 'update', 'delete', 'truncate']
                         where r.carried and me.major >= 15
                        union all
                        select me.oid, array['update']
                         where r.relkind <> 'S' and not pg_catalog.has_table_privilege(me.oid, r.oid, 'update, delete, truncate')) p
    cross join unnest(p.privileges) w (privilege)
   where r.has_list
     and case when r.relkind = 'S' then not pg_catalog.has_sequence_privilege(p.who, r.oid, w.privilege)
              else not pg_catalog.has_table_privilege(p.who, r.oid, w.privilege) end
     -- Reading needs the columns alone.
     and not (w.privilege = 'select' and r.relkind <> 'S' and me.major < 15
              and not exists (select from pg_catalog.pg_attribute a
                               where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
                                 and not pg_catalog.has_column_privilege(p.who, r.oid, a.attnum, 'select')))
   group by 1, 2, 3, 4, 5),
lacked as (
  select kind, who, oid, name, pg_catalog.string_agg(privilege, ', ' order by privilege) as privileges from wanted group by kind, who, oid, name
  union all
  select distinct 'schema', me.oid, n.oid, pg_catalog.format('%I', n.nspname), 'usage'
    from me cross join pg_catalog.pg_namespace n
   where n.oid in (select relnamespace from relation) and n.nspacl is not null and not pg_catalog.has_schema_privilege(me.oid, n.oid, 'usage'))
select pg_catalog.format('%s lacks %s on', w.rolname, pg_catalog.upper(l.privileges)) as lacks, l.kind,
       pg_catalog.array_agg(l.name order by l.oid) as names,
       pg_catalog.format('grant %s on %s ', l.privileges, l.kind) as head, pg_catalog.format(' to %I', w.rolname) as tail
  from lacked l join pg_catalog.pg_roles w on w.oid = l.who
 group by w.rolname, l.privileges, l.kind order by l.kind, w.rolname, l.privileges
