-- The position at which the target's data end, from RDS.
-- Where: target, the first database of the plan. Privilege: EXECUTE. Source: Amazon RDS user guide, rds_tools.logical_seed_lsn.
select rds_tools.logical_seed_lsn()::text as lsn
