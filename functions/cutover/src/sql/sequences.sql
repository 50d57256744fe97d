-- All sequences of this database, including those of identity columns, with their last values; null for one that was not used
-- since it was created or set.
-- Where: source, each database. Privilege: USAGE or SELECT on the sequences. Locks: ACCESS SHARE on each, briefly.
-- Left out are those in schemas of runs, and sequences of an extension that belong to another user.
select s.seqrelid as oid, pg_catalog.pg_sequence_last_value(s.seqrelid) as last_value
  from pg_catalog.pg_sequence s
  join pg_catalog.pg_class c on c.oid = s.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relpersistence <> 't' and n.nspname !~ '^rds_reencrypt_[0-9a-f]{10}(_|$)'
   and (pg_catalog.pg_has_role(c.relowner, 'usage')
        or not exists (select from pg_catalog.pg_depend d
                        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
