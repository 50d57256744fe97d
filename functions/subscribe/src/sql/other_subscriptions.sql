-- Subscriptions that are not the run's: they would feed the target from somewhere else.
-- Where: target, any database. Privilege: none. Parameter $1: run.
select s.subname::text as name from pg_catalog.pg_subscription s where not pg_catalog.starts_with(s.subname::text, $1 || '_')
