-- The statement with which replication begins. Where: target. Privilege: owner. Parameter $1: subscription.
select pg_catalog.format('alter subscription %I enable', $1::text)
