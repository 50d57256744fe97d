-- Whether an autovacuum runs in this database: it gives way to a lock only after deadlock_timeout.
-- Where: source, each database. Privilege: pg_monitor. Locks: none.
select exists (select from pg_catalog.pg_stat_activity
                where backend_type = 'autovacuum worker' and datname = pg_catalog.current_database()) as runs
