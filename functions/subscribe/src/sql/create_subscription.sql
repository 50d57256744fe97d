-- The statement that subscribes this database, disabled and without copying: the rows exist. With connect = true
-- every published table gets state `r` at once; without it, changes are lost silently. It is built within another statement, which
-- lacks the password: that is a setting of the session (functions/subscribe), and an error is raised again without the statement.
-- Where: target, each database. Privilege: rds_superuser (16+: pg_create_subscription).
-- Parameters $1: subscription and slot, $2: connection string without the password, $3: publication.
select pg_catalog.format('do %L', pg_catalog.format(
  'begin '
  'execute pg_catalog.format(''create subscription %%I connection %%L publication %%I with '
  '(connect = true, create_slot = false, copy_data = false, enabled = false, slot_name = %%L)'', '
  '%1$L, %2$L || '' password='' || pg_catalog.current_setting(''rds_reencrypt.password''), %3$L, %1$L); '
  'exception when others then raise exception using errcode = sqlstate, message = sqlerrm; end',
  $1::text, $2::text, $3::text))
