-- The tables of a trial: the run's own, and those in schemas of the application.
-- Where: source or target, each database, in the trial's transaction. Privilege: none. Locks: none. Parameter $1: the trial's run.
select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and (n.nspname = $1 and c.relname = 'marks' or pg_catalog.starts_with(c.relname::text, $1 || '_'))
 order by c.oid
