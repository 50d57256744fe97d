-- Indexes by which the target would search for rows under REPLICA IDENTITY FULL and not find them. Without a primary key apply
-- uses, since 16, the first index by oid that is not partial and begins with a column (FindUsableIndexForReplicaIdentityFull in
-- relation.c): a btree, since 17 also a hash, since 18 also others with an equality strategy. It does not check whether the index is
-- valid: an unfinished one is empty, or lacks rows. A hash index has no nulls: a row with a null in
-- its column is skipped without an error, so the target keeps the old row.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing. Parameter $1: oids of such tables.
-- Returns table and index, quoted, the problem, and the statement that repairs it. An index after a good btree is ignored.
with used as (
  select t.oid as relid, i.indexrelid, i.indisvalid and i.indisready as whole, m.amname, a.attname, a.attnotnull,
         pg_catalog.min(i.indexrelid) filter (where i.indisvalid and i.indisready and m.amname = 'btree') over (partition by t.oid) as good
    from unnest($1::oid[]) t (oid)
    join pg_catalog.pg_index i on i.indrelid = t.oid and i.indislive and i.indpred is null
    join pg_catalog.pg_class x on x.oid = i.indexrelid
    join pg_catalog.pg_am m on m.oid = x.relam
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = i.indkey[0] and a.attgenerated = ''
   where m.amname = any (case pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000
                           when 12 then '{}'::pg_catalog.text[] when 13 then '{}' when 14 then '{}' when 15 then '{}'
                           when 16 then '{btree}' when 17 then '{btree,hash}' else '{btree,hash,gist}' end)
     and not exists (select from pg_catalog.pg_index p where p.indrelid = t.oid and p.indisprimary and p.indisvalid and p.indimmediate))
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name, pg_catalog.format('%I', x.relname) as index,
       case when u.whole then pg_catalog.format('a hash index, which has no nulls, on %I, which may be null', u.attname) else 'not valid' end as why,
       case when u.whole then pg_catalog.format('alter table %I.%I alter column %I set not null', n.nspname, c.relname, u.attname)
            else pg_catalog.format('drop index %I.%I', n.nspname, x.relname) end as statement
  from used u
  join pg_catalog.pg_class c on c.oid = u.relid
  join pg_catalog.pg_class x on x.oid = u.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where (u.good is null or u.indexrelid < u.good) and (not u.whole or u.amname = 'hash' and not u.attnotnull)
 order by c.oid, u.indexrelid
