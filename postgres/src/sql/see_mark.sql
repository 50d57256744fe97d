-- The statement that checks for a mark on the target. Changes are applied in the order of their commits: when the mark
-- has arrived, so has everything before it.
-- Where: target, each database. Privilege: owner of the run's schema. Parameters $1: run, $2: mark.
select pg_catalog.format('select exists (select from %I.marks where mark = %L) as seen', $1::text, $2::text)
