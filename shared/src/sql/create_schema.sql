-- Statements that make the run's own schema: the memory of what it changed on tables, and the table of marks, which is
-- published with the others. The copy has both.
-- Where: source, each database. Privilege: CREATE on the database. Parameter $1: run. Twice: nothing happens.
select pg_catalog.format('create schema if not exists %I', $1::text)
union all
select pg_catalog.format('create table if not exists %I.replica_identity (table_name text primary key, was "char" not null)', $1)
union all
select pg_catalog.format('create table if not exists %I.marks (mark uuid primary key)', $1)
