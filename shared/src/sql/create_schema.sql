-- Statements that make the run's own schema: the memory of what it changed on tables, and the tables of marks and beats,
-- which are published with the others. The target has all of them. Beats have no key: one that is applied twice is there twice.
-- Where: source, each database. Privilege: CREATE on the database. Parameter $1: run. Twice: nothing happens.
select pg_catalog.format('create schema if not exists %I', $1::text)
union all
select pg_catalog.format('create table if not exists %I.replica_identity (table_oid oid primary key, table_name text not null, was "char" not null)', $1)
union all
select pg_catalog.format('create table if not exists %I.marks (mark uuid primary key)', $1)
union all
select pg_catalog.format('create table if not exists %I.beats (beat bigint generated always as identity, at_lsn pg_lsn not null)', $1)
