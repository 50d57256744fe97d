-- The statement that reads how often a subscription's apply has failed, and its conflicts by their kind, if the server
-- counts them: failures since 15, conflicts since 18. No row if it does not.
-- Where: target, any database. Privilege: none. Parameter $1: oid of the subscription. Locks: none.
-- Returns a statement whose row has `failures`, and `conflicts` as a text for people.
-- Source: PostgreSQL manual, "pg_stat_subscription_stats".
select pg_catalog.format('select s.apply_error_count as failures, '
                         '(select pg_catalog.string_agg(pg_catalog.substr(c.key, 7) || '' '' || c.value, '', '' order by c.key) '
                         'from pg_catalog.jsonb_each_text(pg_catalog.to_jsonb(s)) c where c.key like ''confl\_%%'' and c.value <> ''0'') as conflicts '
                         'from pg_catalog.pg_stat_subscription_stats s where s.subid = %s', $1::oid)
 where pg_catalog.to_regclass('pg_catalog.pg_stat_subscription_stats') is not null
