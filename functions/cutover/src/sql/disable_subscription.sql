-- The statement that pauses replication. No row if there is no subscription. Where: target. Privilege: owner.
-- Parameter $1: subscription.
select pg_catalog.format('alter subscription %I disable', s.subname) from pg_catalog.pg_subscription s where s.subname = $1
