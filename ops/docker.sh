#!/bin/sh
# A Docker engine for the tests, where none answers (Debian, as root).
# Usage: ops/docker.sh start|stop      (start says so where it has started one; stop ends that one, and no other)
set -eu

pid_file=/run/persistence-docker.pid
log=/var/log/persistence-docker.log

fail() { echo "No Docker engine: $1" >&2; exit 69; }
answers() { docker version >/dev/null 2>&1; }
runs() { pidof dockerd >/dev/null; }
ours() { [ "$(cat "/proc/$(cat "$pid_file" 2>/dev/null)/comm" 2>/dev/null)" = dockerd ]; }
has() { command -v "$1" >/dev/null; }

# With what ops/images/build.sh needs to make images where no registry is reached.
install_engine() {
    if has docker && has dockerd && has iptables && has mmdebstrap; then return; fi
    has apt-get || fail "there is no apt-get to install it with."
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io iptables mmdebstrap; } >"$log" 2>&1 \
        || fail "apt-get could not install it: $(tail -n 1 "$log")"
}

start() {
    if answers; then return; fi
    [ -z "${DOCKER_HOST:-}" ] || fail "none answers at DOCKER_HOST=$DOCKER_HOST."
    [ "$(id -u)" = 0 ] || fail "none answers, and only root can start one."
    install_engine
    # The package may just have started its service, which is then waited for instead.
    if ! runs; then
        # Published ports are for this machine only, whatever a container asks for.
        setsid dockerd --ip 127.0.0.1 --pidfile "$pid_file" >"$log" 2>&1 </dev/null &
        sleep 0.2
    fi
    for _ in $(seq 150); do
        if answers; then
            if ours; then echo "A Docker engine is started (log: $log); 'ops/docker.sh stop' ends it."; fi
            return
        fi
        if ! runs; then break; fi
        sleep 0.2
    done
    stop
    fail "dockerd did not start: $(grep -v 'level=info' "$log" | tail -n 1)"
}

stop() {
    if ! ours; then return; fi
    pid=$(cat "$pid_file")
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

case "${1:-}" in
    start | stop) "$1" ;;
    *) echo "usage: ops/docker.sh start|stop" >&2; exit 64 ;;
esac
