-- One slot of the source, and the walsender that serves it. LSNs as text, sizes in bytes.
-- Where: source, any database. Privilege: pg_monitor for the walsender's columns. Locks: none.
-- Parameter $1: slot. `wal_status` exists since 13; to_jsonb reads it if it exists.
-- lag_bytes includes WAL that was not even sent. After an asynchronous commit, the WAL's insert position is ahead
-- of the part that can be sent; that counts too. A walsender that was behind once is in `catchup` until it has decoded everything: for
-- hours, with the WAL of a restore, and it serves the slot all that time (walsender.c, WalSndLoop).
select s.confirmed_flush_lsn::text as confirmed_flush_lsn, s.active_pid,
       pg_catalog.to_jsonb(s) ->> 'wal_status' as wal_status,
       pg_catalog.pg_current_wal_insert_lsn()::text as current_lsn,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), s.restart_lsn)::int8 as retained_wal_bytes,
       coalesce(r.state in ('catchup', 'streaming'), false) as connected,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), coalesce(r.replay_lsn, s.confirmed_flush_lsn))::int8 as lag_bytes
  from pg_catalog.pg_replication_slots s left join pg_catalog.pg_stat_replication r on r.pid = s.active_pid
 where s.slot_name = $1
