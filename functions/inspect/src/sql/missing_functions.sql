-- Functions that we may not execute, but must on the target, which has this database's grants.
-- Where: source, each database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.format('%s may not execute %s', current_user, f.oid) as lacks,
       pg_catalog.format('grant execute on function %s to %I', f.oid, current_user) as statement
  from (values ('pg_catalog.pg_replication_origin_advance(text, pg_lsn)'::pg_catalog.regprocedure),
               ('pg_catalog.pg_replication_origin_progress(text, boolean)')) f (oid)
 where not pg_catalog.has_function_privilege(f.oid, 'execute')
