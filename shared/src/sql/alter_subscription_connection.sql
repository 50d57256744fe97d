-- The statement that gives an existing subscription a new connection string. Where: copy. Privilege: owner.
-- Parameters $1: subscription, $2: connection string.
select pg_catalog.format('alter subscription %I connection %L', $1::text, $2::text)
