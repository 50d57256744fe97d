-- Statements that make the fence's trigger function, open: it does nothing yet.
-- Where: source, each database. Privilege: CREATE on the database. Parameter $1: fence. Not run where it is prepared.
select pg_catalog.format('create schema if not exists %I', $1::text)
union all
select pg_catalog.format('create function %I.write() returns trigger language plpgsql as %L', $1, 'begin return null; end')
