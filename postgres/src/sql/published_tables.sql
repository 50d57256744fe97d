-- The application's tables that the run publishes, as oids: they are the same on both sides, since the target is a physical copy.
-- Where: source, each database. Privilege: none. Parameter $1: publication, and schema of marks and heartbeats, which are left out.
select r.prrelid as oid
  from pg_catalog.pg_publication p
  join pg_catalog.pg_publication_rel r on r.prpubid = p.oid
  join pg_catalog.pg_class c on c.oid = r.prrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where p.pubname = $1 and n.nspname <> $1
