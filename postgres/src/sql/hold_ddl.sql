-- Statement after which no DDL but ours completes in this database until our transaction ends: waits for transactions
-- with DDL since the fence was prepared. Not for long: one of them may wait for our tables, and the server must
-- not find a deadlock.
-- Where: source, each database, in the transaction that holds the tables. Privilege: none. Lock: an advisory one.
-- Parameter $1: fence.
select pg_catalog.format('set local lock_timeout = 200; select pg_catalog.pg_advisory_xact_lock(%s)', pg_catalog.hashtextextended($1::text, 0))
