-- The position at which the target's data end, from Aurora. Not schema-qualified: its schema is not documented.
-- Where: target, the first database of the plan. Privilege: EXECUTE. Source: Amazon Aurora user guide,
-- aurora_volume_logical_start_lsn.
select aurora_volume_logical_start_lsn()::text as lsn
