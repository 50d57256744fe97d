-- The number of slots by type. Where: target, any database. Privilege: none. Locks: none. Changes nothing.
select pg_catalog.count(*) filter (where s.slot_type = 'logical') as logical,
       pg_catalog.count(*) filter (where s.slot_type = 'physical') as physical
  from pg_catalog.pg_replication_slots s
