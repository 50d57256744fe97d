-- Whether an LSN is stored. Where: target, the first database of the plan.
-- Parameters $1: run, $2: its kind (keep_lsn).
select pg_catalog.to_regclass(pg_catalog.format('%I.%I', $1::text, $2::text)) is not null as found
