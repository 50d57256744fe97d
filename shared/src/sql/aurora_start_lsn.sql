-- Where the target's data end, as Aurora tells. Not qualified by a schema: in which one it lies is not documented.
-- Where: target, the first database of the plan. Privilege: EXECUTE. Source: Amazon Aurora user guide,
-- aurora_volume_logical_start_lsn.
select aurora_volume_logical_start_lsn()::text as lsn
