-- The statement that starts replication. Where: target. Privilege: owner. Parameter $1: subscription.
select pg_catalog.format('alter subscription %I enable', $1::text)
