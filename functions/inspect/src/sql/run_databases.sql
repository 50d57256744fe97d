-- Whether this database has objects of a run: its schema, or its fence.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing. Parameters $1: run, $2: fence.
select exists (select from pg_catalog.pg_namespace n where n.nspname in ($1, $2))
       or exists (select from pg_catalog.pg_publication p where p.pubname = $1) as found
