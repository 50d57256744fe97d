-- Where the target's data end, as RDS tells.
-- Where: target, the first database of the plan. Privilege: EXECUTE. Source: Amazon RDS user guide, rds_tools.logical_seed_lsn.
select rds_tools.logical_seed_lsn()::text as lsn
