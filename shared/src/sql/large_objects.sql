-- How many large objects there are: changes of theirs are not replicated.
-- Where: source, each database. Privilege: none (the metadata catalog is public). Locks: none. Changes nothing.
select pg_catalog.count(*) as large_objects from pg_catalog.pg_largeobject_metadata
