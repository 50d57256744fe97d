-- What the server is, and what is left of the things that a run needs one of per database.
-- Where: source, any database. Privilege: none beyond CONNECT (pg_monitor to see other users' walsenders).
-- Returns one row. Locks: none. Changes nothing.
select pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000 as major,
       pg_catalog.current_setting('wal_level') as wal_level,
       pg_catalog.current_setting('max_replication_slots')::pg_catalog.int8 as max_slots,
       pg_catalog.current_setting('max_replication_slots')::pg_catalog.int8
         - (select pg_catalog.count(*) from pg_catalog.pg_replication_slots) as free_slots,
       pg_catalog.current_setting('max_wal_senders')::pg_catalog.int8 as max_senders,
       pg_catalog.current_setting('max_wal_senders')::pg_catalog.int8
         - (select pg_catalog.count(*) from pg_catalog.pg_stat_activity where backend_type = 'walsender') as free_senders,
       pg_catalog.current_setting('max_logical_replication_workers')::pg_catalog.int8 as max_workers,
       current_user::pg_catalog.text as us,
       (select r.rolsuper or exists (select from pg_catalog.pg_roles g
                                      where g.rolname = 'rds_superuser' and pg_catalog.pg_has_role(r.oid, g.oid, 'usage'))
          from pg_catalog.pg_roles r where r.rolname = current_user) as is_master,
       (select pg_catalog.count(*) from pg_catalog.pg_prepared_xacts) as prepared_transactions,
       (select pg_catalog.string_agg(pg_catalog.format('%s in %s', s.subname, d.datname), ', ')
          from pg_catalog.pg_subscription s join pg_catalog.pg_database d on d.oid = s.subdbid) as subscriptions
