-- Statements that write the start LSN down on the copy, once: what was written first is what holds.
-- Where: copy, the first database of the plan. Privilege: owner of the run's schema. Parameters $1: run, $2: LSN.
select pg_catalog.format('create table if not exists %I.start (lsn pg_lsn not null, only_one bool primary key default true check (only_one))', $1::text)
union all
select pg_catalog.format('insert into %I.start values (%L) on conflict do nothing', $1, $2::text)
