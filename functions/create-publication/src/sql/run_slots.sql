-- The run's slots. Where: source, any database. Privilege: none. Parameter $1: run.
select s.slot_name::text as slot from pg_catalog.pg_replication_slots s where pg_catalog.starts_with(s.slot_name, $1 || '_')
