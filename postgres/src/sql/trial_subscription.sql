-- The statement that subscribes without a connection: it connects to no server, and no worker starts before a commit, which never comes.
-- Where: source or target, each database, in a transaction that is rolled back. Privilege: rds_superuser (16+: pg_create_subscription).
-- Parameter $1: subscription and publication.
select pg_catalog.format('create subscription %I connection %L publication %I with (connect = false, enabled = false, create_slot = false, slot_name = none)',
                         $1::text, 'host=127.0.0.1 password=none', $1)
