-- Statements that drop the run's subscription but not its slot, which the source drops.
-- Where: target, each database. Privilege: owner. Parameter $1: subscription. No row if it is gone.
with ours as (select s.subname from pg_catalog.pg_subscription s join pg_catalog.pg_database d on d.oid = s.subdbid
               where s.subname = $1 and d.datname = pg_catalog.current_database())
select pg_catalog.format('alter subscription %I disable', subname) from ours
union all
select pg_catalog.format('alter subscription %I set (slot_name = none)', subname) from ours
union all
select pg_catalog.format('drop subscription %I', subname) from ours
