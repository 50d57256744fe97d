-- The tables that a run carries: every permanent one that stores rows, partitions one by one.
-- Where: source, each database. Privilege: none (catalogs). Locks: none. Changes nothing.
-- Parameter $1: name of the run, whose own schema is left out.
-- Returns per table: oid, quoted name; identity (an UPDATE can be published: a key that is valid and immediate, or FULL; `d` with a
-- deferrable primary key is none, see RelationGetIndexList in relcache.c); columns without an equality operator,
-- which stall the apply of a table with REPLICA IDENTITY FULL (tuples_equal in execReplication.c); forced row security,
-- under which the apply refuses to work (TargetPrivilegesCheck in worker.c); triggers that fire on a copy too.
-- Tables of an extension that are somebody else's, such as pg_cron's, are not the application's.
-- Types are looked at once each: with one look per column, 10,000 tables took minutes.
with incomparable as materialized (
  select t.oid
    from pg_catalog.pg_type t
    left join pg_catalog.pg_type b on b.oid = t.typbasetype
    left join pg_catalog.pg_type e on e.oid = case when coalesce(b.typcategory, t.typcategory) = 'A' then coalesce(b.typelem, t.typelem) end
   where coalesce(b.typtype, t.typtype) = 'b'
     and t.oid in (select a.atttypid from pg_catalog.pg_attribute a where a.attrelid >= 16384)
     and not exists (select from pg_catalog.pg_opclass o
                       join pg_catalog.pg_am m on m.oid = o.opcmethod and m.amname in ('btree', 'hash')
                      where o.opcdefault
                        and (o.opcintype in (t.oid, t.typbasetype, e.oid)
                             or exists (select from pg_catalog.pg_cast k
                                         where k.castsource in (t.oid, t.typbasetype) and k.casttarget = o.opcintype
                                           and k.castmethod = 'b' and k.castcontext = 'i')))),
without_equality as materialized (
  select a.attrelid, pg_catalog.string_agg(pg_catalog.format('%I', a.attname), ', ' order by a.attnum) as columns
    from pg_catalog.pg_attribute a
   where a.attnum > 0 and not a.attisdropped and a.attrelid >= 16384 and a.atttypid in (select oid from incomparable)
   group by a.attrelid)
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
       c.relrowsecurity and c.relforcerowsecurity as row_security_forced,
       (select pg_catalog.string_agg(pg_catalog.format('%I', t.tgname), ', ' order by t.tgname)
          from pg_catalog.pg_trigger t
         where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled in ('A', 'R')) as triggers_on_copy,
       w.columns as columns_without_equality
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join without_equality w on w.attrelid = c.oid
 where c.relkind = 'r' and c.relpersistence = 'p' and c.oid >= 16384
   and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname <> $1
   and (pg_catalog.pg_has_role(c.relowner, 'usage')
        or not exists (select from pg_catalog.pg_depend d
                        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
 order by c.oid
