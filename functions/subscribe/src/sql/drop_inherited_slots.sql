-- Drops the logical slots that the target inherited with its volume: nobody reads them, and each would keep WAL forever. Physical
-- ones are RDS's own, for readers of the target.
-- Where: target, any database, before it has any subscriber of its own. Privilege: rds_replication.
select pg_catalog.pg_drop_replication_slot(s.slot_name) from pg_catalog.pg_replication_slots s where s.slot_type = 'logical' and s.active_pid is null
