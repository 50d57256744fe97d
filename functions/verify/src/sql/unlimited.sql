-- Lifts every limit of this version that would end this session or its transaction before its owner does; and
-- the check whether the client still exists, since keep_snapshot outlives it.
-- Where: source and target. Privilege: none. Returns the number of limits.
select pg_catalog.count(pg_catalog.set_config(s.name, '0', false)) as limits
  from pg_catalog.pg_settings s
 where s.name in ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout',
                  'client_connection_check_interval')
