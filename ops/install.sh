#!/bin/sh
# Makes .venv from a lock file, and .venv/bin/persistence; does nothing where both are up to date.
# Usage: ops/install.sh runtime|drivers|develop|bench      (PYTHON names the interpreter, python3 by default)
set -eu
cd "$(dirname "$0")/.."

python="${PYTHON:-python3}"
venv=.venv
lock_of() {
    case "$1" in
        runtime) echo ops/requirements.lock ;;
        drivers) echo ops/requirements-drivers.lock ;;
        develop) echo ops/requirements-dev.lock ;;
        bench) echo ops/requirements-bench.lock ;;
        *) echo "usage: ops/install.sh runtime|drivers|develop|bench" >&2; exit 64 ;;
    esac
}
lock=$(lock_of "$1")

# The stamp names everything that an installation depends on: a moved folder, another Python or another lock
# makes it anew. Each of runtime, drivers, develop and bench has all of the one before in it.
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

echo "Installing $lock into $venv ..." >&2

# A virtual environment cannot be moved, nor follow its Python to another version.
if [ "$(cat "$venv/.place" 2>/dev/null)" != "$PWD $("$python" -V)" ]; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
    printf '%s %s\n' "$PWD" "$("$python" -V)" > "$venv/.place"
fi

(cd "$venv" && rm -f .runtime .drivers .develop .bench)
"$venv/bin/python" -m pip --disable-pip-version-check install --quiet --require-hashes --requirement "$lock"

# The command runs the code where it stands; -P keeps the folder it is called from out of the module path.
site="$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
printf '%s\n' "$PWD" "$PWD/tests/contract" > "$site/persistence.pth"
printf '#!/bin/sh\nexec "%s/%s/bin/python" -P -m entrypoints.cli "$@"\n' "$PWD" "$venv" > "$venv/bin/persistence"
chmod +x "$venv/bin/persistence"

for level in runtime drivers develop bench; do
    stamp_of "$(lock_of "$level")" > "$venv/.$level"
    if [ "$level" = "$1" ]; then break; fi
done
