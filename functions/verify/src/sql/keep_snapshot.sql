-- Keeps the session's transaction, and its exported snapshot, for half an hour after its client is gone: a backend
-- notices that only when it next sends something. end_own_sessions ends it earlier.
-- Where: source and target, in the transaction that exported. Privilege: none. Lock: none.
select pg_catalog.pg_sleep(1800)
