-- Statements that create tables like those on which a run puts its triggers, in schemas of the application and with their owners: a
-- trigger that refuses DDL may depend on either. For the combinations of schema and owner with the most tables, at most eight.
-- Where: source or target, each database, in a transaction that is rolled back. Privilege: CREATE on the schema, SET on the owner: if
-- missing, no table. Locks: none on existing tables. Parameter $1: prefix of their names.
select pg_catalog.format('create table %1$I.%2$I (id int primary key); alter table %1$I.%2$I owner to %3$I', k.nspname,
                         $1::text || '_' || pg_catalog.row_number() over (order by k.tables desc, k.nspname, k.owner), k.owner)
  from (select n.nspname, pg_catalog.pg_get_userbyid(c.relowner) as owner, pg_catalog.count(*) as tables
          from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and c.relpersistence in ('p', 'u') and c.oid >= 16384
           and n.nspname !~ '^(pg_|rds_reencrypt_[0-9a-f]{10}(_|$)|information_schema$)' and pg_catalog.pg_has_role(c.relowner, 'usage')
         group by n.nspname, c.relowner order by tables desc, n.nspname, owner limit 8) k
