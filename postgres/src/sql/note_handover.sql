-- The statement that stores the position behind everything that was replicated to this database. A later one replaces it.
-- Where: target, each database, in the transaction that ends the apply. Privilege: owner. Parameter $1: way back.
select pg_catalog.format('insert into %I.handover values (pg_catalog.pg_current_wal_insert_lsn())', $1::text)
