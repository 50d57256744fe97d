-- The tables that a run carries: every permanent one that stores rows, partitions one by one.
-- Where: source, each database. Privilege: none (catalogs). Locks: none. Changes nothing.
-- Parameter $1: name of the run, whose own schema is left out.
-- Returns per table: oid, quoted name, owner; may_own (we have the owner's rights, which publication, locks and
-- triggers need); identity (an UPDATE can be published: a key that is valid and immediate, or FULL; `d` with a
-- deferrable primary key is none, see RelationGetIndexList in relcache.c); columns without an equality operator,
-- which stall the apply of a table with REPLICA IDENTITY FULL (tuples_equal in execReplication.c).
select c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
       pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text as owner,
       pg_catalog.pg_has_role(c.relowner, 'usage') as may_own,
       case c.relreplident
         when 'f' then true
         when 'd' then exists (select from pg_catalog.pg_index i
                                where i.indrelid = c.oid and i.indisprimary and i.indisvalid and i.indimmediate)
         when 'i' then exists (select from pg_catalog.pg_index i
                                where i.indrelid = c.oid and i.indisreplident and i.indisvalid and i.indimmediate)
         else false
       end as identity,
       c.relreplident = 'f' as identity_full,
       c.relreplident::pg_catalog.text as identity_setting,
       (select pg_catalog.string_agg(pg_catalog.format('%I', a.attname), ', ' order by a.attnum)
          from pg_catalog.pg_attribute a
          join pg_catalog.pg_type t on t.oid = a.atttypid
          left join pg_catalog.pg_type b on b.oid = t.typbasetype
          left join pg_catalog.pg_type e on e.oid = case when coalesce(b.typcategory, t.typcategory) = 'A' then coalesce(b.typelem, t.typelem) end
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           and coalesce(b.typtype, t.typtype) = 'b'
           and not exists (select from pg_catalog.pg_opclass o
                             join pg_catalog.pg_am m on m.oid = o.opcmethod and m.amname in ('btree', 'hash')
                            where o.opcdefault
                              and (o.opcintype in (t.oid, t.typbasetype, e.oid)
                                   or exists (select from pg_catalog.pg_cast k
                                               where k.castsource in (t.oid, t.typbasetype) and k.casttarget = o.opcintype
                                                 and k.castmethod = 'b' and k.castcontext = 'i'))))
         as columns_without_equality
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.relpersistence = 'p' and c.oid >= 16384
   and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname <> $1
 order by c.oid
