-- Statements that store an LSN on the target, once: the first one stays.
-- Where: target, the first database of the plan. Privilege: owner of the run's schema.
-- Parameters $1: run, $2: its kind, which is the table's name (`seed`, `start`), $3: LSN.
select pg_catalog.format('create table if not exists %I.%I (lsn pg_lsn not null, only_one bool primary key default true check (only_one))', $1::text, $2::text)
union all
select pg_catalog.format('insert into %I.%I values (%L) on conflict do nothing', $1, $2, $3::text)
