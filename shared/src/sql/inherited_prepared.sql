-- Prepared transactions that came along on the volume: they are older than this server's start. Each with the statement that
-- rolls it back, for a session of its own database; the one by which that session becomes its owner first, where we may; and
-- the one that would let us, for people.
-- Where: target, any database. Privilege: none. Locks: none. Changes nothing.
-- Since 16 becoming somebody takes a membership with the SET option. Source: `LockGXact` in twophase.c.
select p.database, pg_catalog.format('rollback prepared %L', p.gid) as statement,
       case when p.owner <> current_user
                 and pg_catalog.pg_has_role(p.owner, case when pg_catalog.current_setting('server_version_num')::int4 >= 160000 then 'SET' else 'MEMBER' end)
            then pg_catalog.format('set role %I', p.owner) end as become_owner,
       pg_catalog.format('grant %I to %I', p.owner, current_user) as remedy,
       pg_catalog.format('%L of %s in %s', p.gid, p.owner, p.database) as told
  from pg_catalog.pg_prepared_xacts p
 where p.prepared < pg_catalog.pg_postmaster_start_time()
