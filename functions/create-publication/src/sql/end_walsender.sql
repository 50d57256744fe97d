-- Ends the walsender that holds a slot of the run. Where: source. Privilege: pg_signal_backend. Parameter $1: run.
select pg_catalog.pg_terminate_backend(s.active_pid)
  from pg_catalog.pg_replication_slots s where pg_catalog.starts_with(s.slot_name, $1 || '_') and s.active_pid is not null
