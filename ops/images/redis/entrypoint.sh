#!/bin/sh
# Starts Redis as the public image does: options go to the server, which keeps its files in /data.
set -eu

case "${1:-}" in
    '' | -*) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    chown redis: .
    exec setpriv --reuid redis --regid redis --init-groups "$@" --protected-mode no
fi
exec "$@"
