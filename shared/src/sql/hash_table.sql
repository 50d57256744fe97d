-- The statement that counts and hashes one table. The sum of two differently seeded 64-bit hashes of each row's text
-- does not depend on the order of the rows, and sees one that is there twice. The alias must not be the name of a
-- column, which would be meant instead of the row.
-- Where: source and copy, each database. Privilege: SELECT. Parameters $1: oid, $2: whether to hash or only to count.
select pg_catalog.format(
         case when $2 then 'select count(*), coalesce(sum(hashtextextended(rds_reencrypt_row::text, 1)::numeric), 0)::text || ''.'' || '
                           'coalesce(sum(hashtextextended(rds_reencrypt_row::text, 2)::numeric), 0)::text from only %I.%I rds_reencrypt_row'
              else 'select count(*), ''''::text from only %I.%I rds_reencrypt_row' end, n.nspname, c.relname),
       pg_catalog.format('%I.%I', n.nspname, c.relname) as name
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = $1::oid
