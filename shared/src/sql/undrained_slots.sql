-- How many of the run's slots have no walsender whose subscriber says that it applied everything up to an LSN.
-- Where: source, any database. Privilege: pg_monitor. Parameters $1: run, $2: LSN, $3: number of slots.
select $3::int8 - pg_catalog.count(*) filter (where r.replay_lsn >= $2::text::pg_lsn) as undrained
  from pg_catalog.pg_replication_slots s join pg_catalog.pg_stat_replication r on r.pid = s.active_pid
 where pg_catalog.starts_with(s.slot_name, $1 || '_')
