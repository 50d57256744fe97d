-- Publications for all tables, which would include the run's own tables, and the slots through which somebody may read them:
-- a subscriber that lacks a table stops at its first row (logicalrep_rel_open in relation.c).
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
select p.pubname::pg_catalog.text as publication,
       pg_catalog.format('begin; drop publication %I; create publication %I for table ...; commit', p.pubname, p.pubname) as remedy,
       (select pg_catalog.string_agg(s.slot_name, ', ' order by s.slot_name) from pg_catalog.pg_replication_slots s
         where s.plugin = 'pgoutput' and s.database = pg_catalog.current_database() and s.slot_name not like 'rds\_reencrypt\_%') as slots
  from pg_catalog.pg_publication p where p.puballtables order by p.pubname
