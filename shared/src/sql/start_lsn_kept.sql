-- Whether the start LSN was written down. Where: copy, control database. Parameter $1: run.
select pg_catalog.to_regclass(pg_catalog.format('%I.start', $1::text)) is not null as found
