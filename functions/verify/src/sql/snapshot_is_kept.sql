-- Whether that session of ours has begun its sleep.
-- Where: source and target, any database. Privilege: none for own sessions. Parameter $1: its pid.
select exists (select from pg_catalog.pg_stat_activity a where a.pid = $1::int4 and a.state = 'active' and a.query like '%pg_sleep%') as kept
