-- How to count and hash the rows of one table, and what there is to read. The statement is `head`, a condition on ctid or
-- none, `tail`; it returns the number of rows and two sums of differently seeded 64-bit hashes: they do not depend on
-- the order of the rows, and see one that is there twice. Sums of int8 are exact (numeric), and fast (int128 inside).
--
-- What is hashed is the image of the whole row, so that no two values can change places unnoticed, as they can where
-- columns are hashed one by one and added up (hash_record does: 31 * result + element, rowtypes.c). For the types named here
-- the image has their binary form, which is several times as fast as text and in which any two values differ that differ as
-- text. All others go in as text, which is what replication carries: of one text there can be several binary forms
-- (the sign of a float's NaN, an array with and without a null bitmap), and of some types there is none.
-- hash_array_extended is there since 11, and the way to PostgreSQL's hash of a bytea. The alias must not be the name of
-- a column, which would be meant instead of the row. Virtual generated columns (18) are not stored.
--
-- Where: source and copy, each database. Privilege: SELECT. Lock: ACCESS SHARE for a moment.
-- Parameters $1: oid, $2: whether to hash or only to count. Returns no row where the table is gone.
with columns as (
  select a.attnum, pg_catalog.format('rds_reencrypt_row.%I', a.attname) as name,
         t.typsend in ('boolsend'::regproc, 'int2send', 'int4send', 'int8send', 'oidsend', 'numeric_send', 'cash_send', 'textsend', 'varcharsend',
                       'bpcharsend', 'namesend', 'charsend', 'byteasend', 'uuid_send', 'date_send', 'time_send', 'timetz_send', 'timestamp_send',
                       'timestamptz_send', 'interval_send', 'json_send', 'jsonb_send', 'inet_send', 'cidr_send', 'macaddr_send',
                       'macaddr8_send', 'bit_send', 'varbit_send', 'enum_send') as binary
    from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
   where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v'),
image as (
  select pg_catalog.concat_ws(', ',
           pg_catalog.string_agg(c.name, ', ' order by c.attnum) filter (where c.binary),
           'row(' || pg_catalog.string_agg(c.name, ', ' order by c.attnum) filter (where not c.binary) || ')::text') as members
    from columns c)
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
       case when $2 then 'select count(*), coalesce(sum(hash_array_extended(array[image], 1)), 0), coalesce(sum(hash_array_extended(array[image], 2)), 0) from ('
                         || pg_catalog.format('select record_send(row(%s)) as image from only %I.%I rds_reencrypt_row', i.members, n.nspname, c.relname)
            else pg_catalog.format('select count(*), 0, 0 from only %I.%I rds_reencrypt_row', n.nspname, c.relname) end as head,
       case when $2 then ' offset 0) images' else '' end as tail,
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8 as pages,
       pg_catalog.pg_table_size(c.oid) as bytes
  from image i, pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = $1::oid
