#!/bin/bash
# The servers of ops/images.env: fetched from their registry, or built here from Debian packages where none is reached.
# Usage: ops/images/build.sh [NAME...]      (such as mariadb; all by default)
#
# An image that is there stays, unless it was built here from files that have changed. One that cannot be had does not
# keep the others from being made: its reason is left in build/images/NAME.failed, and the tests skip it with that.
set -euo pipefail
cd "$(dirname "$0")"

label=persistence.built-from
reports=../../build/images

names() { sed -n 's/^PERSISTENCE_IMAGE_\([A-Z0-9]*\)=.*/\L\1/p' ../images.env; }

image_of() {
    local variable="PERSISTENCE_IMAGE_${1^^}"
    echo "${!variable:-$(sed -n "s/^$variable=//p" ../images.env)}"
}

# What an image is built from, as one short word: how, and the files that go into it.
digest() { { declare -f bootstrap build && cat /dev/null "$@"; } | sha256sum | cut -c 1-16; }
files_of() { echo "$1/Dockerfile" && sed -n 's/^COPY \([^ ]*\) .*/\1/p' "$1/Dockerfile"; }
digest_of() { files_of "$1" | (mapfile -t files && digest "${files[@]}"); }

there() { docker image inspect "$1" >/dev/null 2>&1; }
built_from() { docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null; }

# The Debian archive that this machine's own apt uses: no mirror is written down here.
archive() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p; }

bootstrap() {
    local suite=$1 image=$2 from
    command -v mmdebstrap || { echo "E: its registry is not reached, and there is no mmdebstrap to build it with"; return 1; }
    from=$(archive)
    [ -n "$from" ] || { apt-get update -qq && from=$(archive); }
    [ -n "$from" ] || { echo "E: apt names no archive of Debian's to build from"; return 1; }
    mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io --aptopt='Acquire::Retries "3"' \
        --aptopt=<(apt-config dump | grep '^Acquire::Check-') "$suite" - "$from" \
        | docker import --change "LABEL $label=$(digest)" - "$image"
}

build() {
    local name=$1 base
    for base in $(sed -n 's/^FROM \(persistence\/debian:[a-z]*\).*/\1/p' "$name/Dockerfile"); do
        [ "$(built_from "$base")" = "$(digest)" ] || bootstrap "${base#*:}" "$base"
    done
    # On the machine's own network, whose name resolution and routes are known to work: apt has just used them.
    DOCKER_BUILDKIT=0 docker build --force-rm --network host --label "$label=$(digest_of "$name")" \
        --tag "$(image_of "$name")" --file "$name/Dockerfile" .
}

obtain() {
    local name=$1 image origin
    image=$(image_of "$name")
    if there "$image"; then
        origin=$(built_from "$image")
        [ -n "$origin" ] && [ "$origin" != "$(digest_of "$name")" ] || return 0
    else
        # Bounded, for a registry that is slow; one that is out of reach says so at once.
        ! timeout 900 docker pull --quiet "$image" || return 0
    fi
    echo "Building $image ..." >&3
    [ ! -x "$name/compile.sh" ] || "$name/compile.sh" # a program that Debian does not have
    build "$name"
}

# The first complaint of apt's in a log, which those of others follow from; else the last word. Docker colours them, and
# may put one behind a line of progress that has not ended yet.
reason_in() {
    local plain
    plain=$(sed 's/\x1b\[[0-9;]*m//g' "$1")
    grep -o '\bE: .*' <<<"$plain" | sed -n 1p | grep . || tail -n 1 <<<"$plain"
}

docker version >/dev/null 2>&1 || { echo "No Docker engine answers; 'ops/docker.sh start' brings one (Debian, as root)." >&2; exit 69; }
[ $# -gt 0 ] || set -- $(names)
mkdir -p "$reports"
exec 3>&2
status=0
for name; do
    [ -n "$(image_of "$name")" ] || { echo "ops/images.env names no image of '$name', only of: $(names | xargs)" >&2; exit 64; }
    rm -f "$reports/$name.failed"
    # In the background, because bash does not heed `set -e` in what is part of a condition.
    obtain "$name" >"$reports/$name.log" 2>&1 &
    if wait $!; then
        echo "$(image_of "$name") is there"
    else
        reason_in "$reports/$name.log" >"$reports/$name.failed"
        echo "$(image_of "$name") cannot be had: $(cat "$reports/$name.failed") (build/images/$name.log)" >&2
        status=1
    fi
done
docker image prune --force --filter "label=$label" >/dev/null # what was replaced
exit $status
