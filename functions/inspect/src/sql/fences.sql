-- Fences in this database: it is the source of a finished cutover.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
select e.evtname::pg_catalog.text as fence from pg_catalog.pg_event_trigger e where e.evtname like 'rds\_reencrypt\_%\_fence'
