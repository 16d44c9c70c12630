#!/bin/sh
# A tour of the API with curl: a batch in, its receipt, one record, a safe change, a list page by page, a restored
# session, and a mistake with its explanation. Each request is shown as you would type it, with its answer; the tour
# ends with exit code 1 where an answer is not the expected one. It may be walked again.
#
# Usage: ops/examples/tour.sh [URL]        needs curl, and a service (make run); URL is http://127.0.0.1:8080 by default
set -eu

base="${1:-http://127.0.0.1:8080}"
base="${base%/}"
translation="$base/api/v1/translation"
answers="$(mktemp -d)"
trap 'rm -rf "$answers"' EXIT
command -v curl >/dev/null || { echo "curl is missing: on Debian and Ubuntu, 'apt-get install curl' brings it." >&2; exit 1; }

say() { printf '\n# %s\n' "$*"; }

# call STATUS [CURL ARGUMENT]...: one request; its answer is in "$answers" afterwards.
call() {
    expected="$1"
    shift
    printf '$ curl -s'
    for argument in "$@"; do
        case "$argument" in
            *[!A-Za-z0-9_./:-]*) printf " '%s'" "$argument" ;;
            *) printf ' %s' "$argument" ;;
        esac
    done
    printf '\n'
    status="$(curl -sS -D "$answers/head" -o "$answers/body" -w '%{http_code}' "$@")" || exit 1
    cat "$answers/body"
    printf '\n'
    [ "$status" = "$expected" ] || { echo "The answer was $status, expected was $expected." >&2; exit 1; }
}

text_of() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$answers/body"; }
header_of() { tr -d '\r' < "$answers/head" | sed -n "s/^$1: //p"; }
json='Content-Type: application/json'

say 'A session and its tasks. 202 says: on disk; kill -9 and power cuts cannot take them back.'
call 202 "$translation/sessions/batch" -H "$json" -d '{"sessions": [
    {"session_id": "tour", "status": "processing", "source_lang": "en", "target_lang": "de"}]}'
call 202 "$translation/tasks/batch" -H "$json" -d '{"tasks": [
    {"task_id": "tour-1", "session_id": "tour", "status": "pending", "source_text": "Hello", "source_lang": "en", "target_lang": "de"},
    {"task_id": "tour-2", "session_id": "tour", "status": "pending", "source_text": "World", "source_lang": "en", "target_lang": "de"},
    {"task_id": "tour-3", "session_id": "tour", "status": "pending", "source_text": "Good morning", "source_lang": "en", "target_lang": "de"}]}'

say 'The receipt says what became of the batch: pending, then applied; exceptions would name single records.'
call 200 "$base/api/v1/receipts/$(text_of receipt)"

say 'One record, seen from the moment of its 202. -i shows the headers; the ETag names exactly this state.'
call 200 -i "$translation/tasks/tour-1"
etag="$(header_of ETag)"

say 'A change of single fields, only if nobody was faster: If-Match carries the ETag that was read.'
call 200 -X PATCH "$translation/tasks/tour-1" -H "$json" -H "If-Match: $etag" \
    -d '{"status": "completed", "translated_text": "Hallo"}'

say 'The same again comes too late: 412, and the stored record with it, to merge and try again.'
call 412 -X PATCH "$translation/tasks/tour-1" -H "$json" -H "If-Match: $etag" -d '{"status": "failed"}'

say 'A list: filtered, sorted, cut to a page. consistency=strong also shows what was acknowledged just now.'
list="$translation/tasks?session_id=tour&status__in=pending,processing&sort_by=source_text&order=asc&page_size=1"
call 200 "$list&fields=task_id,source_text&consistency=strong"

say 'The next page: the same query with the next_cursor of the page before; null is the end.'
call 200 "$list&fields=task_id,source_text&cursor=$(text_of next_cursor)"

say 'The client crashed? It finds its sessions, and gets one back with every task that is not finished.'
call 200 "$translation/recovery/incomplete-sessions?fields=session_id,status"
call 200 -X POST "$translation/recovery/restore/tour"

say 'A mistake. `errors` points at the place, `cure` says what to do, `code` is for programs, `request_id` is in the log.'
call 422 "$translation/tasks/batch" -H "$json" -d '{"tasks": [
    {"task_id": "tour-4", "session_id": "tour", "status": "lost", "source_text": "?", "source_lang": "en", "target_lang": "de"}]}'

say 'What such an error is, in general; a browser shows it as a page.'
call 200 "$base$(text_of type)"

say "That was the tour. Go on at $base/docs."
