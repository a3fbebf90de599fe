#!/bin/sh
# Makes a database cluster in /var/lib/postgresql unless there is one, runs /docker-entrypoint-initdb.d/*.sql in it, and
# starts PostgreSQL. POSTGRES_PASSWORD is the superuser's; SECOND_PORT is one more port to be reached at.
set -eu
data=/var/lib/postgresql/data
if [ ! -s "$data/PG_VERSION" ]; then
  mkdir -p "$data"
  chmod 700 "$data"
  printf '%s' "${POSTGRES_PASSWORD:?is not set}" >/tmp/password
  initdb -D "$data" -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8 --pwfile=/tmp/password
  rm /tmp/password
  printf '%s\n' 'local all all trust' 'host all all all scram-sha-256' >"$data/pg_hba.conf"
  cat >>"$data/postgresql.conf" <<'SETTINGS'
listen_addresses = '*'
unix_socket_directories = '/tmp'
password_encryption = 'scram-sha-256'
fsync = off
timezone = 'UTC'
log_timezone = 'UTC'
SETTINGS
  # Nobody can connect before all scripts ran: this server has no port.
  pg_ctl -D "$data" -w -o "-c listen_addresses=''" start
  for script in /docker-entrypoint-initdb.d/*.sql; do
    [ -e "$script" ] || continue
    echo "running $script"
    psql -X -q -v ON_ERROR_STOP=1 -h /tmp -U postgres -f "$script" postgres
  done
  pg_ctl -D "$data" -w -m fast stop
fi
if [ -n "${SECOND_PORT:-}" ]; then
  nc -ll -p "$SECOND_PORT" -e nc 127.0.0.1 5432 &
fi
exec postgres -D "$data"
