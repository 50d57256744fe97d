-- The tables that a run replicates: every permanent one that stores rows, each partition by itself.
-- Where: source, each database. Privilege: none (catalogs). Locks: none. Changes nothing.
-- Parameter $1: name of the run, whose own schema is left out, as are those of other runs.
-- Returns per table: oid, quoted name; identity (an UPDATE can be published: a key that is valid and immediate, or FULL; `d` with a
-- deferrable primary key is none, see RelationGetIndexList in relcache.c); forced row security, under which we may not read
-- (row_security = off), or the apply refuses to work (since 15 if it applies to the subscription's owner, since 16 to the
-- table's; TargetPrivilegesCheck in worker.c); triggers that also fire on the target.
-- Tables of an extension that belong to another user, such as pg_cron's, are not the application's.
with me as (select r.rolbypassrls or r.rolsuper as sees_all, pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000 as major
              from pg_catalog.pg_roles r where r.rolname = current_user)
select c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
       case c.relreplident
         when 'f' then true
         when 'd' then exists (select from pg_catalog.pg_index i
                                where i.indrelid = c.oid and i.indisprimary and i.indisvalid and i.indimmediate)
         when 'i' then exists (select from pg_catalog.pg_index i
                                where i.indrelid = c.oid and i.indisreplident and i.indisvalid and i.indimmediate)
         else false
       end as identity,
       c.relreplident = 'f' as identity_full,
       c.relrowsecurity and c.relforcerowsecurity and not (me.sees_all and (me.major < 16 or o.rolbypassrls or o.rolsuper)) as row_security_forced,
       (select pg_catalog.string_agg(pg_catalog.format('%I', t.tgname), ', ' order by t.tgname)
          from pg_catalog.pg_trigger t
         where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled in ('A', 'R')) as triggers_on_copy
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_roles o on o.oid = c.relowner
 cross join me
 where c.relkind = 'r' and c.relpersistence = 'p' and c.oid >= 16384
   and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname <> $1
   and n.nspname !~ '^rds_reencrypt_[0-9a-f]{10}(_|$)'
   and (pg_catalog.pg_has_role(c.relowner, 'usage')
        or not exists (select from pg_catalog.pg_depend d
                        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
 order by c.oid
