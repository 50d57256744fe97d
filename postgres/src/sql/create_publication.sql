-- The statement that publishes the tables with these oids, and the run's marks and heartbeats. A list rather than ALL TABLES: a table
-- that the application creates later, without a key, would refuse updates at once.
-- Where: source, each database. Privilege: CREATE on the database, owner of the tables. Lock: SHARE UPDATE EXCLUSIVE
-- on each. Parameters $1: publication, $2: oids. No row if the publication exists.
select pg_catalog.format('create publication %I %s', $1::text,
         (select 'for table only ' || pg_catalog.string_agg(pg_catalog.format('%I.%I', n.nspname, c.relname), ', only ' order by c.oid)
            from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           where c.oid = any ($2::oid[]) or (n.nspname = $1 and c.relname in ('marks', 'beats'))))
 where not exists (select from pg_catalog.pg_publication p where p.pubname = $1)
