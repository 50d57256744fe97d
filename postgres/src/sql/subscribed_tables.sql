-- The application's tables that the subscription applies, as oids, and whether each is ready.
-- Where: target, each database. Privilege: none. Parameters $1: oid of the subscription, $2: schema of marks and heartbeats.
select r.srrelid as oid, r.srsubstate = 'r' as ready
  from pg_catalog.pg_subscription_rel r
  join pg_catalog.pg_class c on c.oid = r.srrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where r.srsubid = $1 and n.nspname <> $2
