-- Statements that create the run's own schema: a table of the run's changes to tables, and the tables of marks and heartbeats,
-- which are published with the others. The target has all of them. Heartbeats have no key: one that is applied twice is there twice.
-- Where: source, each database. Privilege: CREATE on the database. Parameter $1: run. Twice: nothing happens.
select pg_catalog.format('create schema if not exists %I', $1::text)
union all
select pg_catalog.format('create table if not exists %I.replica_identity (table_oid oid primary key, table_name text not null, was "char" not null)', $1)
union all
select pg_catalog.format('create table if not exists %I.marks (mark uuid primary key)', $1)
union all
select pg_catalog.format('create table if not exists %I.beats (beat bigint generated always as identity, at_lsn pg_lsn not null)', $1)
