-- The tables that the subscription applies, as oids, and those that are not ready.
-- Where: copy, each database. Privilege: none. Parameter $1: oid of the subscription.
select r.srrelid as oid, r.srsubstate = 'r' as ready from pg_catalog.pg_subscription_rel r where r.srsubid = $1
