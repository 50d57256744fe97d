-- The statement that gives an existing subscription a new connection string, built as in create_subscription.sql: without the
-- password, which is a setting of the session. Where: target, each database. Privilege: owner.
-- Parameters $1: subscription, $2: connection string without the password.
select pg_catalog.format('do %L', pg_catalog.format(
  'begin '
  'execute pg_catalog.format(''alter subscription %%I connection %%L'', '
  '%1$L, %2$L || '' password='' || pg_catalog.current_setting(''rds_reencrypt.password'')); '
  'exception when others then raise exception using errcode = sqlstate, message = sqlerrm; end',
  $1::text, $2::text))
