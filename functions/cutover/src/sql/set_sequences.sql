-- Sets sequences to their values on the source; those that are gone are left out and so not counted.
-- Where: target, each database. Privilege: UPDATE on the sequences. Twice: the same.
-- Parameters $1: oids, $2: last values, $3: is_called. Returns how many were set.
select pg_catalog.count(pg_catalog.setval(c.oid::pg_catalog.regclass, s.last_value, s.is_called)) as set
  from unnest($1::oid[], $2::int8[], $3::bool[]) as s (oid, last_value, is_called)
  join pg_catalog.pg_class c on c.oid = s.oid and c.relkind = 'S'
