-- Statements after which this run can never close a fence in this database. A close in progress and the first of them exclude
-- each other by the lock on the function. A call that has not got that far can no longer write a mark, and no call closes
-- the fence before its mark has arrived. Each statement is left out if there is nothing to rename.
-- Where: source, each database, in one transaction. Privilege: owner. Lock: ACCESS EXCLUSIVE on the table of marks.
-- Parameters $1: fence, $2: run.
select pg_catalog.format('alter function %I.write() rename to cancelled', $1::text)
 where pg_catalog.to_regprocedure(pg_catalog.format('%I.write()', $1)) is not null
union all
select pg_catalog.format('alter table %I.marks rename to cancelled', $2::text)
 where pg_catalog.to_regclass(pg_catalog.format('%I.marks', $2)) is not null
