-- Properties of the server, and its limits on the objects of which a run needs one per database.
-- Where: source, any database. Privilege: none beyond CONNECT (pg_monitor to see other users' walsenders and all
-- settings). Returns one row; settings that a version lacks, or hides, are null. Locks: none. Changes nothing.
-- Workers: permanent ones, which the target has as well; those of parallel queries come and go.
-- Locks: the server has room for so many for each session and prepared transaction that it allows (NLOCKENTS in lock.c).
-- Origins: one for each that has a state. Up to 17 their number is limited by max_replication_slots (origin.c).
select pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000 as major,
       pg_catalog.current_setting('wal_level') as wal_level,
       pg_catalog.current_setting('max_replication_slots')::pg_catalog.int8 as max_slots,
       (select pg_catalog.count(*) from pg_catalog.pg_replication_slots) as slots,
       pg_catalog.current_setting('max_wal_senders')::pg_catalog.int8 as max_senders,
       (select pg_catalog.count(*) from pg_catalog.pg_stat_activity where backend_type = 'walsender') as senders,
       pg_catalog.current_setting('max_logical_replication_workers')::pg_catalog.int8 as max_workers,
       pg_catalog.current_setting('max_worker_processes')::pg_catalog.int8 as max_worker_processes,
       greatest(1, (select pg_catalog.count(*) from pg_catalog.pg_stat_activity
                     where backend_type not in ('client backend', 'walsender', 'walreceiver', 'walwriter', 'walsummarizer', 'checkpointer',
                                                'background writer', 'archiver', 'startup', 'logger', 'slotsync worker', 'io worker',
                                                'autovacuum launcher', 'autovacuum worker', 'standalone backend', 'parallel worker')))
         as worker_processes,
       coalesce(pg_catalog.current_setting('max_active_replication_origins', true), pg_catalog.current_setting('max_replication_slots'))
         ::pg_catalog.int8 as max_origins,
       case when pg_catalog.current_setting('max_active_replication_origins', true) is null then 'max_replication_slots'
            else 'max_active_replication_origins' end as origins_parameter,
       (select pg_catalog.count(*) from pg_catalog.pg_replication_origin) as origins,
       (select setting::pg_catalog.int8 from pg_catalog.pg_settings where name = 'max_slot_wal_keep_size') as max_slot_wal_keep_size_mb,
       (select setting::pg_catalog.int8 from pg_catalog.pg_settings where name = 'max_wal_size') as max_wal_size_mb,
       extract(epoch from pg_catalog.current_setting('idle_replication_slot_timeout', true)::pg_catalog.interval)::pg_catalog.int8
         as idle_slot_timeout_s,
       (select setting from pg_catalog.pg_settings where name = 'shared_preload_libraries') as libraries,
       pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int8 as locks_per_transaction,
       (select pg_catalog.sum(setting::pg_catalog.int8)::pg_catalog.int8 + 1 from pg_catalog.pg_settings
         where name in ('max_connections', 'max_prepared_transactions', 'autovacuum_max_workers', 'autovacuum_worker_slots',
                        'max_worker_processes', 'max_wal_senders')
           and (name <> 'autovacuum_max_workers' or pg_catalog.current_setting('autovacuum_worker_slots', true) is null)) as transactions,
       (select pg_catalog.count(*) from pg_catalog.pg_locks where not fastpath) as locks_held,
       pg_catalog.current_setting('pg_partman_bgw.dbname', true) as partman_databases,
       coalesce(nullif(pg_catalog.current_setting('cron.database_name', true), ''), 'postgres') as cron_database,
       current_user::pg_catalog.text as us, me.rolconnlimit as connection_limit,
       pg_catalog.format('alter role %I connection limit -1', me.rolname) as lift_connection_limit,
       (select pg_catalog.count(*) from pg_catalog.pg_stat_activity a where a.usesysid = me.oid) as connections
  from pg_catalog.pg_roles me where me.rolname = current_user
