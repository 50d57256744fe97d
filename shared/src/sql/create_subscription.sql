-- The statement that subscribes this database, disabled and without copying: the rows are there. With connect = true
-- every published table gets state `r` at once; without it, changes are lost silently.
-- Where: copy, each database. Privilege: rds_superuser (16+: pg_create_subscription).
-- Parameters $1: subscription and slot, $2: connection string, $3: publication.
select pg_catalog.format('create subscription %I connection %L publication %I with '
                         '(connect = true, create_slot = false, copy_data = false, enabled = false, slot_name = %L)',
                         $1::text, $2::text, $3::text, $1)
