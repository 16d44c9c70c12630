#!/bin/sh
# Starts MySQL or MariaDB as the public images do: options go to the server, MYSQL_ROOT_PASSWORD, MYSQL_DATABASE,
# MYSQL_USER and MYSQL_PASSWORD count at the first start.
set -eu

data=/var/lib/mysql
socket=/run/mysqld/first.sock
first_start=$data/.first-start

initialize() {
    install -d -o mysql "$data" /run/mysqld
    if command -v mariadb-install-db >/dev/null; then
        mariadb-install-db --user=mysql --auth-root-authentication-method=normal --skip-name-resolve --skip-test-db >/dev/null
    else
        mysqld --initialize-insecure --user=mysql
    fi
    rm -f "$data/auto.cnf" # each server draws an identity of its own
    touch "$first_start"
}

root() { mysql --user=root --socket="$socket" --execute="$1"; }

# The server answers over the network when this is done, not before.
set_up() {
    mysqld --user=mysql --skip-networking --socket="$socket" "$@" &
    until root 'SELECT 1' >/dev/null 2>&1; do
        kill -0 $!
        sleep 0.1
    done
    if [ -n "${MYSQL_DATABASE:-}" ]; then root "CREATE DATABASE \`$MYSQL_DATABASE\`"; fi
    if [ -n "${MYSQL_USER:-}" ]; then
        root "CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$MYSQL_PASSWORD'"
        root "GRANT ALL ON \`${MYSQL_DATABASE:-}\`.* TO '$MYSQL_USER'@'%'"
    fi
    root "CREATE USER root@'%' IDENTIFIED BY '$MYSQL_ROOT_PASSWORD'; GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
        DROP USER IF EXISTS root@'127.0.0.1', root@'::1'; ALTER USER root@localhost IDENTIFIED BY '$MYSQL_ROOT_PASSWORD'"
    kill $!
    wait $! || true
    rm "$first_start"
}

case "${1:-}" in
    '' | -*) ;;
    initialize) initialize && exit ;;
    *) exec "$@" ;;
esac
[ -d "$data/mysql" ] || initialize
[ ! -e "$first_start" ] || set_up "$@"
exec mysqld --user=mysql --bind-address=0.0.0.0 --skip-name-resolve "$@"
