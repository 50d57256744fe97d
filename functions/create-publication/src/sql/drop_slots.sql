-- Drops the run's slots that no session holds; returns those that remain to be dropped.
-- Where: source, any database. Privilege: rds_replication. Parameter $1: run.
select s.slot_name::text as slot, case when s.active_pid is null then pg_catalog.pg_drop_replication_slot(s.slot_name) end is null as held
  from pg_catalog.pg_replication_slots s where pg_catalog.starts_with(s.slot_name, $1 || '_')
