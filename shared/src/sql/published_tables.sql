-- The tables that the run publishes, as oids: source and copy agree on them, since the copy is physical.
-- Where: source, each database. Privilege: none. Parameter $1: publication.
select r.prrelid as oid from pg_catalog.pg_publication p join pg_catalog.pg_publication_rel r on r.prpubid = p.oid where p.pubname = $1
