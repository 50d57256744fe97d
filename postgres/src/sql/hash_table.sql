-- The statement that counts and hashes the rows of one table, and the size of the table. The statement is `head`, a condition on ctid or
-- none, `tail`; it returns the number of rows and two sums of differently seeded 64-bit hashes: they do not depend on
-- the order of the rows, and show a duplicate row. Sums of int8 are exact (numeric), and fast (int128 inside).
--
-- The whole row is hashed as one image, so that no two values can change places unnoticed, as they can if
-- columns are hashed one by one and added up (hash_record does: 31 * result + element, rowtypes.c). For the types named here
-- the image has their binary form, which is several times as fast as text and in which any two values differ that differ as
-- text. All others are in it as text, which is what replication sends: one text can have several binary forms
-- (the sign of a float's NaN, an array with and without a null bitmap), and some types have none. The image has the oid of
-- each column's type in front of it (record_send), so it has only PostgreSQL's own types: a domain, an enum or an
-- extension that an operator created on both sides has two oids. A domain is replaced by its base type, an enum by its label.
-- hash_array_extended exists since 11, and gives access to PostgreSQL's hash of a bytea. The alias must not be the name of
-- a column, which would be taken instead of the row. Virtual generated columns (18) are not stored.
--
-- A row of a gigabyte has no image, and one of a tenth of it fills a small server's memory several times. So from 64 MiB on a row
-- has hashes in place of its long values, one value at a time (a subselect frees what it used). Both sides must find the same rows
-- long, whatever they compressed, so the length of values counts, as text or bytes. Only rows that take 256 KiB as stored are
-- measured: no method compresses to less than a 255th. And only if the TOAST table has as much.
--
-- Where: source and target, each database. Privilege: SELECT. Lock: ACCESS SHARE for a moment.
-- Parameters $1: oid, $2: whether to hash or only to count. Returns no row if the table is gone.
with recursive resolved as (
  select a.attnum, a.attname, a.atttypid, t.typstorage in ('x', 'e') and not (a.atttypmod between 0 and 2048 and t.typsend in ('varcharsend'::regproc, 'bpcharsend')) as long,
         t.oid, t.typtype, t.typbasetype, t.typsend
    from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
   where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v'
   union all
  select r.attnum, r.attname, r.atttypid, r.long, t.oid, t.typtype, t.typbasetype, t.typsend
    from resolved r join pg_catalog.pg_type t on t.oid = r.typbasetype where r.typtype = 'd'),
typed as (
  select r.*, pg_catalog.format('rds_reencrypt_row.%I', r.attname) as value,
         r.oid in ('text'::regtype, 'varchar'::regtype) as texts, r.oid = 'bytea'::regtype as bytes,
         r.oid < 16384 and r.typsend in ('boolsend'::regproc, 'int2send', 'int4send', 'int8send', 'oidsend', 'numeric_send', 'cash_send', 'textsend', 'varcharsend',
                       'bpcharsend', 'namesend', 'charsend', 'byteasend', 'uuid_send', 'date_send', 'time_send', 'timetz_send', 'timestamp_send',
                       'timestamptz_send', 'interval_send', 'json_send', 'jsonb_send', 'inet_send', 'cidr_send', 'macaddr_send',
                       'macaddr8_send', 'bit_send', 'varbit_send') as binary
    from resolved r where r.typtype <> 'd'),
columns as (
  select t.*,
         case when t.binary and t.oid = t.atttypid then t.value
              when t.binary then pg_catalog.format('%s::%s', t.value, pg_catalog.format_type(t.oid, -1))
              when t.typtype = 'e' then t.value || '::text' end as member,
         case when t.texts then pg_catalog.format('octet_length(%s::text)', t.value)
              when t.bytes then pg_catalog.format('octet_length(%s)', t.value)
              else pg_catalog.format('(select octet_length(concat(%s)))', t.value) end as length,
         case when t.bytes then pg_catalog.format('(select sha256(%s))', t.value)
              else pg_catalog.format('(select array[hashtextextended(%1$s collate "C", 1), hashtextextended(%1$s collate "C", 2)] where %2$s is not null)',
                                     case when t.texts then t.value || '::text' else pg_catalog.format('concat(%s)', t.value) end, t.value) end as hashed
    from typed t),
image as (
  select pg_catalog.string_agg(pg_catalog.format('%I %s', c.attname, pg_catalog.format_type(c.atttypid, -1)), ', ' order by c.attnum) as columns,
         pg_catalog.concat_ws(', ',
           pg_catalog.string_agg(c.member, ', ' order by c.attnum),
           'row(' || pg_catalog.string_agg(c.value, ', ' order by c.attnum) filter (where c.member is null) || ')::text') as members,
         pg_catalog.concat_ws(', ',
           pg_catalog.string_agg(case when c.long then c.hashed else c.member end, ', ' order by c.attnum),
           'row(' || pg_catalog.string_agg(c.value, ', ' order by c.attnum) filter (where c.member is null and not c.long) || ')::text') as short_members,
         pg_catalog.string_agg(pg_catalog.format('coalesce(pg_column_size(%s), 0)::int8', c.value), ' + ' order by c.attnum) filter (where c.long) as stored,
         pg_catalog.string_agg(pg_catalog.format('coalesce(%s, 0)::int8', c.length), ' + ' order by c.attnum) filter (where c.long) as length
    from columns c)
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
       case when $2 then 'select count(*), coalesce(sum(hash_array_extended(array[image], 1)), 0), coalesce(sum(hash_array_extended(array[image], 2)), 0) from (select '
                         || case when i.stored is null or s.toast_bytes < 262144 then pg_catalog.format('record_send(row(%s))', i.members)
                                 else pg_catalog.format('case when case when %s < 262144 then true else %s < 67108864 end then record_send(row(%s)) else record_send(row(%s)) end',
                                                        i.stored, i.length, i.members, i.short_members) end
                         || pg_catalog.format(' as image from only %I.%I rds_reencrypt_row', n.nspname, c.relname)
            else pg_catalog.format('select count(*), 0, 0 from only %I.%I rds_reencrypt_row', n.nspname, c.relname) end as head,
       case when $2 then ' offset 0) images' else '' end as tail,
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8 as pages,
       s.bytes, i.columns
  from image i, pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace,
       lateral (select pg_catalog.pg_table_size(c.oid) as bytes,
                       coalesce(pg_catalog.pg_relation_size(nullif(c.reltoastrelid, 0)), 0) as toast_bytes) s
 where c.oid = $1::oid
