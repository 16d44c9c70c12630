"""A look at, and a push to, a running service."""

import json

import pytest

from entrypoints.cli.app import run
from entrypoints.cli.failures import Exit

SYSTEM = "/api/v1/system"
LANE = {"paused": True, "attempt": 3, "last_error": "disk I/O error"}
STATS = {"collections": {"c": {"stored": 1500, "by_status": {"done": 1500}, "pending": 2, "accepted": 1502}}}
BUFFERS = {"buffers": {"c": {"records": 2, "payload_bytes": 99, "oldest_accepted_at": None, "flush": LANE}}}


@pytest.mark.parametrize(
    ("command", "answer", "table"),
    [
        (
            "stats",
            STATS,
            "collection  stored   done  waiting\nc            1,500  1,500        2\n",
        ),
        (
            "buffers",
            BUFFERS,
            "collection  waiting  bytes  oldest  paused  failed tries  last error\n"
            "c                 2     99  -       yes                3  disk I/O error\n",
        ),
    ],
)
def test_numbers_are_a_table_for_people_and_json_for_programs(script, capsys, command, answer, table):
    script.answers["GET", f"{SYSTEM}/{command}"] = 200, answer
    assert run([command, "--url", script.url]) == Exit.OK
    assert capsys.readouterr().out == table
    assert run([command, "--json", "--url", script.url]) == Exit.OK
    assert json.loads(capsys.readouterr().out) == answer


def test_a_backend_that_cannot_count_is_shown_so(script, capsys):
    script.answers["GET", f"{SYSTEM}/stats"] = 200, {"collections": {"c": {"pending": 0, "accepted": 0}}}
    assert run(["stats", "--url", script.url]) == Exit.OK
    assert capsys.readouterr().out == "collection  stored  waiting\nc           -             0\n"


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("degraded", 1), ("not_ready", 1)])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_health_tells_by_its_exit_code(script, capsys, status, code, form):
    script.answers["GET", f"{SYSTEM}/health"] = 200, {"status": status}
    assert run(["health", "--url", script.url, *form]) == code
    assert status in capsys.readouterr().out


def test_a_flush_that_is_not_done_in_time_says_so(script, capsys):
    late = {"code": "flush_incomplete", "detail": "3 records wait.", "cure": "They are safe."}
    script.answers["POST", f"{SYSTEM}/flush"] = 503, late
    assert run(["flush", "--url", script.url]) == Exit.INCOMPLETE
    assert capsys.readouterr().err == "Error: 3 records wait. They are safe.\n"
    script.answers["POST", f"{SYSTEM}/flush"] = 200, {"status": "flushed"}
    assert run(["flush", "--url", script.url]) == Exit.OK
    assert "everything acknowledged before this call is stored" in capsys.readouterr().out
