-- Statement after which no DDL but ours ends in this database until our transaction does: waits for the transactions
-- that have made any since the fence was prepared.
-- Where: source, each database, in the transaction that holds the tables. Privilege: none. Lock: an advisory one.
-- Parameter $1: fence.
select pg_catalog.format('select pg_catalog.pg_advisory_xact_lock(%s)', pg_catalog.hashtextextended($1::text, 0))
