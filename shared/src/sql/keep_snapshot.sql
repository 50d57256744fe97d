-- Keeps the session's transaction, and the snapshot it exported, for half an hour after its client is gone: a backend
-- notices that when it next speaks to it. Ended before by end_own_sessions.
-- Where: source and target, in the transaction that exported. Privilege: none. Lock: none.
select pg_catalog.pg_sleep(1800)
