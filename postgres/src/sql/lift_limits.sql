-- Lifts the limits that would end this session while it waits or has a long transaction, if this version has them (14, 17): the
-- startup packet accepts no setting that a server does not have.
-- Where: source and target, each session. Privilege: none. Changes nothing else.
select case when pg_catalog.current_setting('transaction_timeout', true) is not null
            then pg_catalog.set_config('transaction_timeout', '0', false) end,
       case when pg_catalog.current_setting('idle_session_timeout', true) is not null
            then pg_catalog.set_config('idle_session_timeout', '0', false) end
