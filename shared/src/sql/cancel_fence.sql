-- Statement after which this fence can never be closed: a close that is under way and this one exclude each other by
-- the lock on the function. None where there is no function.
-- Where: source, each database. Privilege: owner. Parameter $1: fence.
select pg_catalog.format('alter function %I.write() rename to cancelled', $1::text)
 where pg_catalog.to_regprocedure(pg_catalog.format('%I.write()', $1)) is not null
