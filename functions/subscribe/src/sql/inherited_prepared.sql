-- Prepared transactions that the target inherited with its volume: they are older than the server's start. Each with the statement
-- that rolls it back, for a session of its own database; the one that makes that session its owner first, if we may; and
-- the one that would allow us to, for people.
-- Where: target, any database. Privilege: none. Locks: none. Changes nothing.
-- Since 16 this requires a membership with the SET option. Source: `LockGXact` in twophase.c.
select p.database, pg_catalog.format('rollback prepared %L', p.gid) as statement,
       case when p.owner <> current_user
                 and pg_catalog.pg_has_role(p.owner, case when pg_catalog.current_setting('server_version_num')::int4 >= 160000 then 'SET' else 'MEMBER' end)
            then pg_catalog.format('set role %I', p.owner) end as become_owner,
       pg_catalog.format('grant %I to %I', p.owner, current_user) as remedy,
       pg_catalog.format('%L of %s in %s', p.gid, p.owner, p.database) as detail
  from pg_catalog.pg_prepared_xacts p
 where p.prepared < pg_catalog.pg_postmaster_start_time()
