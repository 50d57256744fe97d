-- Where logical replication from the source of a restored instance must start; null on one that was not restored.
create function rds_tools.logical_seed_lsn() returns pg_catalog.pg_lsn
language c stable as 'rds_superuser', 'logical_seed_lsn';

grant usage on schema rds_tools to public;
