-- The locks for which a subscription's apply waits: the kind of lock and its holder, as texts for people. Never their queries.
-- A prepared transaction has no process: pg_blocking_pids returns 0 for it, and pg_locks no pid; its
-- locks are those of the virtual transaction that holds the lock on its id.
-- Where: target, any database. Privilege: pg_monitor. Parameter $1: subscription. Returns a row for each holder. Locks: none.
-- Source: PostgreSQL manual, "pg_locks" and "pg_blocking_pids".
with waiting as (
  select l.*, pg_catalog.pg_blocking_pids(l.pid) as blockers,
         coalesce(case when l.locktype = 'relation' and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
                       then 'table ' || l.relation::regclass::text end, 'a lock (' || l.locktype || ')') as what
    from pg_catalog.pg_stat_subscription s join pg_catalog.pg_locks l on l.pid = s.pid
   where s.subname = $1 and not l.granted)
select pg_catalog.format('%s, held by pid %s, user %s, application %s, %s, in transaction for %s s', w.what, a.pid, coalesce(a.usename, a.backend_type),
                         coalesce(nullif(a.application_name, ''), '-'), coalesce(a.state, '-'),
                         coalesce(pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start))::text, '-')) as detail
  from waiting w join pg_catalog.pg_stat_activity a on a.pid = any (w.blockers)
union all
select pg_catalog.format('%s, held by prepared transaction %L of %s in %s, prepared %s s ago', w.what, p.gid, p.owner, p.database,
                         pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - p.prepared)))
  from waiting w
  join pg_catalog.pg_locks h on h.granted and h.pid is null and h.locktype = w.locktype
       and (h.database, h.relation, h.page, h.tuple, h.transactionid, h.classid, h.objid, h.objsubid)
           is not distinct from (w.database, w.relation, w.page, w.tuple, w.transactionid, w.classid, w.objid, w.objsubid)
  join pg_catalog.pg_locks own on own.pid is null and own.locktype = 'transactionid' and own.virtualtransaction = h.virtualtransaction
  join pg_catalog.pg_prepared_xacts p on p.transaction = own.transactionid
 where 0 = any (w.blockers)
