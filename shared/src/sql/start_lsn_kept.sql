-- Whether the start LSN was written down. Where: copy, the first database of the plan. Parameter $1: run.
select pg_catalog.to_regclass(pg_catalog.format('%I.start', $1::text)) is not null as found
