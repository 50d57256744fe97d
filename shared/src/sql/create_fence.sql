-- Statements that make the fence's trigger function, open: it does nothing yet. The first fails where the cutover was
-- cancelled, and keeps it from being so meanwhile.
-- Where: source, each database. Privilege: CREATE on the database. Parameters $1: fence, $2: run. Not run where it is
-- prepared.
select pg_catalog.format('lock table %I.marks in access share mode', $2::text)
union all
select pg_catalog.format('create schema if not exists %I', $1::text)
union all
select pg_catalog.format('create function %I.write() returns trigger language plpgsql as %L', $1, 'begin return null; end')
