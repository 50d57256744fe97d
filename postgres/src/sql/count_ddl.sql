-- Statement that counts the DDL since the fence was prepared, including that of transactions that failed.
-- Where: source, each database. Privilege: owner. Locks: none that last. Parameter $1: fence.
select pg_catalog.format('select last_value + is_called::int as ddl from %I.ddl_count', $1::text)
