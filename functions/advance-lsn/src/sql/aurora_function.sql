-- Whether the server has the function that returns where its volume's data end.
-- Where: target, the first database of the plan. Privilege: none. Returns a row for each function of that name.
select true as there from pg_catalog.pg_proc p where p.proname = 'aurora_volume_logical_start_lsn' and p.pronargs = 0
