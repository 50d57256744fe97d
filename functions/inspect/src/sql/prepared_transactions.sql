-- Prepared transactions, oldest first: id and name, a text for people, and, if we may not end one, the statement that would let us end
-- it on a target that has it: its owner may, and a role that may become the owner (since 16 by a membership with SET).
-- Where: source, any database. Privilege: none. Locks: none. Changes nothing. Source: `LockGXact` in twophase.c.
select p.transaction::text || ' ' || p.gid as id,
       pg_catalog.format('%L of %s in %s, %s s', p.gid, p.owner, p.database,
                         pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - p.prepared))) as detail,
       case when not pg_catalog.pg_has_role(p.owner, case when pg_catalog.current_setting('server_version_num')::int4 >= 160000 then 'SET' else 'MEMBER' end)
            then pg_catalog.format('grant %I to %I', p.owner, current_user) end as remedy
  from pg_catalog.pg_prepared_xacts p order by p.prepared
