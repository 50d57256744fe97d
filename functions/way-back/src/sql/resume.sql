-- The statement after which marks can be written again: somebody has cancelled an earlier attempt to go back. No row if nobody has.
-- Where: the way back's source, each database. Privilege: owner. Lock: ACCESS EXCLUSIVE on the table of marks. Parameter $1: way back.
select pg_catalog.format('alter table %I.cancelled rename to marks', $1::text)
 where pg_catalog.to_regclass(pg_catalog.format('%I.cancelled', $1::text)) is not null
