-- Slots that belong to no run, with the WAL that they keep. Where: source, any database. Privilege: none. Locks: none. Changes nothing.
-- `wal_status` exists since 13; to_jsonb reads it if it exists. No plugin: a physical slot. Size in MB.
select s.slot_name::pg_catalog.text as slot, s.plugin::pg_catalog.text as plugin, coalesce(s.database::pg_catalog.text, '-') as database, s.active,
       coalesce(pg_catalog.to_jsonb(s) ->> 'wal_status', 'unknown') as status,
       coalesce(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn) / 1048576, 0)::pg_catalog.int8 as retained_mb
  from pg_catalog.pg_replication_slots s
 where s.slot_name not like 'rds\_reencrypt\_%' and not s.temporary
 order by 1
