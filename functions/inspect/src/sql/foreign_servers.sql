-- Foreign servers, with the number of their tables: source and target reach the same servers.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.format('%s (%s, %s tables)', s.srvname, w.fdwname,
                         (select pg_catalog.count(*) from pg_catalog.pg_foreign_table t where t.ftserver = s.oid)) as detail
  from pg_catalog.pg_foreign_server s join pg_catalog.pg_foreign_data_wrapper w on w.oid = s.srvfdw order by s.oid
