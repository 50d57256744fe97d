-- The statement that reads the last stored position, as text; null if there is none. There is no max(pg_lsn) before 13.
-- Where: target, each database. Privilege: owner. Parameter $1: way back.
select pg_catalog.format('select (select at_lsn from %I.handover order by at_lsn desc limit 1)::text as lsn', $1::text)
