-- Whether the server has the function that returns where its data end, and whether the extension is installed.
-- Where: target, the first database of the plan. Privilege: none. Returns one row or none.
select x.installed_version is not null as installed from pg_catalog.pg_available_extensions x where x.name = 'rds_tools'
