#!/bin/sh
# Makes .venv from a lock file, and .venv/bin/persistence; does nothing where both are up to date.
# Usage: ops/install.sh runtime|develop      (PYTHON names the interpreter, python3 by default)
set -eu
cd "$(dirname "$0")/.."

python="${PYTHON:-python3}"
venv=.venv
case "$1" in
    runtime) lock=ops/requirements.lock ;;
    develop) lock=ops/requirements-dev.lock ;;
    *) echo "usage: ops/install.sh runtime|develop" >&2; exit 64 ;;
esac

# The stamp names everything that an installation depends on: a moved folder, another Python or another lock
# makes it anew. A development installation has all of the runtime in it.
stamp_of() { printf '%s %s %s\n' "$PWD" "$("$venv/bin/python" -V 2>&1)" "$(cksum < "$1")"; }
up_to_date() { [ -x "$venv/bin/persistence" ] && [ "$(cat "$venv/.$1" 2>/dev/null)" = "$(stamp_of "$2")" ]; }

if "$venv/bin/python" -c '' 2>/dev/null; then
    up_to_date "$1" "$lock" && exit 0
fi

fail() { echo "$1" >&2; exit 78; }
command -v "$python" >/dev/null || fail "$python is missing: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || fail "$("$python" -V) is too old: name Python 3.11 or newer with 'make PYTHON=python3.11 ...'."
"$python" -c 'import ensurepip, venv' 2>/dev/null \
    || fail "Python's venv module is missing: on Debian and Ubuntu, 'apt-get install python3-venv' brings it."

# A virtual environment cannot be moved, nor follow its Python to another version.
if [ "$(cat "$venv/.place" 2>/dev/null)" != "$PWD $("$python" -V)" ]; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
    printf '%s %s\n' "$PWD" "$("$python" -V)" > "$venv/.place"
fi

echo "Installing $lock into $venv ..." >&2
rm -f "$venv/.runtime" "$venv/.develop"
"$venv/bin/python" -m pip --disable-pip-version-check install --quiet --require-hashes --requirement "$lock"

# The command runs the code where it stands; -P keeps the folder it is called from out of the module path.
site="$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
printf '%s\n' "$PWD" > "$site/persistence.pth"
printf '#!/bin/sh\nexec "%s/%s/bin/python" -P -m entrypoints.cli "$@"\n' "$PWD" "$venv" > "$venv/bin/persistence"
chmod +x "$venv/bin/persistence"

stamp_of ops/requirements.lock > "$venv/.runtime"
if [ "$1" = develop ]; then stamp_of "$lock" > "$venv/.develop"; fi
