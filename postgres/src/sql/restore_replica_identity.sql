-- Statement that returns the statements that restore replica identities: a separate query reads the stored ones.
-- Where: source or target, each database. Privilege: owner of the tables. Parameter $1: run.
-- A table with a new name or schema is found by its oid. One that is gone, or that somebody set to something else
-- meanwhile, is left alone, and so is another table with its name. `i` is only stored if the
-- index had been dropped, which behaves as `nothing` (ALTER TABLE, "REPLICA IDENTITY").
select pg_catalog.format($q$
  select pg_catalog.format('alter table %%I.%%I replica identity %%s', n.nspname, c.relname, case r.was when 'd' then 'default' else 'nothing' end)
    from %I.replica_identity r
    join pg_catalog.pg_class c on c.oid = r.table_oid and c.relreplident = 'f'
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace $q$, $1::text)
