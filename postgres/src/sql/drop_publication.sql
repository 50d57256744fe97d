-- Drops the run's publication. No row if it is gone.
-- Where: source or target, each database. Privilege: owner. Parameter $1: publication.
select pg_catalog.format('drop publication %I', p.pubname) from pg_catalog.pg_publication p where p.pubname = $1
