#!/bin/sh
# Starts PostgreSQL as the public image does: options go to the server, POSTGRES_PASSWORD, POSTGRES_USER and
# POSTGRES_DB count at the first start.
set -eu

case "${1:-}" in
    '' | -*) ;;
    postgres) shift ;;
    *) exec "$@" ;;
esac

if [ "$(id -u)" = 0 ]; then
    install -d -o postgres -m 700 "$PGDATA"
    install -d -o postgres /run/postgresql
    exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

# The server answers over the network when this is done, not before.
set_up() {
    password=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:?is not set}" >"$password"
    initdb --username="$user" --pwfile="$password" --auth-local=trust --auth-host=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 >/dev/null
    rm "$password"
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    if [ "$database" != postgres ]; then
        pg_ctl --wait --silent --options="-c listen_addresses=''" start
        createdb --username="$user" "$database"
        pg_ctl --wait --silent --mode=fast stop
    fi
}

[ -s "$PGDATA/PG_VERSION" ] || set_up
exec postgres -c listen_addresses='*' "$@"
