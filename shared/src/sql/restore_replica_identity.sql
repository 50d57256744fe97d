-- Statement that makes the statements that put replica identities back: the memory is read by a query of its own.
-- Where: source or copy, each database. Privilege: owner of the tables. Parameter $1: run.
-- A table that is gone, or that somebody set to something else meanwhile, is left alone. `i` is only there where the
-- index had been dropped, which behaves as `nothing` (ALTER TABLE, "REPLICA IDENTITY").
select pg_catalog.format($q$
  select pg_catalog.format('alter table %%s replica identity %%s', r.table_name,
                           case r.was when 'd' then 'default' else 'nothing' end)
    from %I.replica_identity r join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(r.table_name)
   where c.relreplident = 'f' $q$, $1::text)
