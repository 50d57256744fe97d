-- The reason why each of these tables has no usable replica identity, and the statement that would give it one without
-- writing whole rows to the WAL: its primary key, or a unique index whose columns are never null.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing. Parameter $1: oids.
with usable as (select i.indrelid, i.indexrelid, i.indisprimary,
                       pg_catalog.row_number() over (partition by i.indrelid order by i.indisprimary desc, i.indnkeyatts, i.indexrelid) as place
                  from pg_catalog.pg_index i
                 where i.indrelid = any ($1::oid[]) and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
                   and not exists (select from unnest(i.indkey::pg_catalog.int2[]) with ordinality k (number, place)
                                     left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number and k.number > 0
                                    where k.place <= i.indnkeyatts and a.attnotnull is not true))
select pg_catalog.format('%I.%I (%s)', n.nspname, c.relname,
                         case when c.relreplident = 'n' then 'replica identity nothing'
                              when c.relreplident = 'i' then 'the index of its replica identity was dropped'
                              when exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisprimary)
                              then 'its primary key is deferrable'
                              else 'no primary key' end) as detail,
       case when u.indisprimary then pg_catalog.format('alter table %I.%I replica identity default', n.nspname, c.relname)
            when u.indexrelid is not null
            then pg_catalog.format('alter table %I.%I replica identity using index %I', n.nspname, c.relname, x.relname)
       end as statement
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join usable u on u.indrelid = c.oid and u.place = 1
  left join pg_catalog.pg_class x on x.oid = u.indexrelid
 where c.oid = any ($1) order by c.oid
