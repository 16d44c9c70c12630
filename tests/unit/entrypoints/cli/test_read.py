"""Records on the screen."""

import json

import pytest

from entrypoints.cli.app import run
from entrypoints.cli.failures import Exit

TASKS = "/api/v1/translation/tasks"
PAGE = {
    "items": [{"task_id": "t1", "source_text": "a\x1b[31m\nb", "translated_text": None}],
    "page": 1,
    "total": 1200,
    "total_exact": False,
    "next_cursor": "c",
}


def test_filters_and_options_are_asked_as_they_stand(script, capsys):
    script.answers["GET", TASKS] = 200, PAGE
    words = ["status__in=a,b", "metadata=x=y", "--sort", "updated_at", "--order", "desc", "-n", "5", "--strong"]
    assert run(["query", "tasks", *words, "--url", script.url]) == Exit.OK
    ((_, asked),) = script.asked
    assert sorted(asked) == sorted(
        [
            ("status__in", "a,b"),
            ("metadata", "x=y"),
            ("sort_by", "updated_at"),
            ("order", "desc"),
            ("page_size", "5"),
            ("consistency", "strong"),
            ("fields", "task_id,status,target_lang,source_text,translated_text"),
        ]
    )


def test_a_page_is_a_table_and_stored_text_cannot_command_the_terminal(script, capsys):
    script.answers["GET", TASKS] = 200, PAGE
    run(["query", "tasks", "--url", script.url])
    said = capsys.readouterr()
    assert said.out == "task_id  source_text  translated_text\nt1       a [31m b     -\n"
    assert said.err == "1 of about 1,200 tasks; go on with --page 2\n"


def test_a_program_gets_the_answer_of_the_service_with_every_field(script, capsys):
    script.answers["GET", TASKS] = 200, PAGE
    assert run(["query", "tasks", "--json", "--url", script.url]) == Exit.OK
    assert json.loads(capsys.readouterr().out) == PAGE
    assert "fields" not in dict(script.asked[0][1])


def test_an_empty_page_is_said(script, capsys):
    script.answers["GET", TASKS] = 200, {"items": [], "page": 1, "total": 0, "next_cursor": None}
    assert run(["query", "tasks", "--url", script.url]) == Exit.OK
    assert capsys.readouterr() == ("", "No tasks match.\n")


def test_a_wrong_filter_is_a_wrong_command_line(script, capsys):
    script.answers["GET", TASKS] = (
        400,
        {"code": "invalid_parameter", "detail": "`x` is no field.", "cure": "Use a field."},
    )
    assert run(["query", "tasks", "x=1", "--url", script.url]) == Exit.USAGE
    assert capsys.readouterr().err == "Error: `x` is no field. Use a field.\n"
    assert run(["query", "tasks", "status", "--url", script.url]) == Exit.USAGE
    assert "'status' is not like status=pending" in capsys.readouterr().err


def test_a_record_is_shown_by_its_id_whatever_is_in_it(script, capsys):
    script.answers["GET", f"{TASKS}/a b/ü?%"] = 200, {"task_id": "a b/ü?%", "metadata": {}, "priority": 1000}
    assert run(["get", "tasks", "a b/ü?%", "--url", script.url]) == Exit.OK
    assert [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()] == [
        ["task_id", "a b/ü?%"],
        ["metadata", "{}"],
        ["priority", "1,000"],
    ]


@pytest.mark.parametrize("command", [["get", "tasks", "x"], ["recovery", "restore", "x"], ["receipts", "x"]])
def test_what_is_not_there_is_said_with_its_cure(script, capsys, command):
    assert run([*command, "--url", script.url]) == Exit.INCOMPLETE
    assert capsys.readouterr().err == "Error: There is none. Check the key.\n"


@pytest.mark.parametrize(
    ("state", "exceptions", "code"),
    [
        ("applied", [], Exit.OK),
        ("pending", [], Exit.INCOMPLETE),
        ("lost", [], Exit.INCOMPLETE),
        ("applied", [{"index": 1, "key": "t2", "verdict": "dead_lettered", "problem": {"detail": "No."}}], 65),
    ],
)
def test_a_receipt_tells_by_its_exit_code_too(script, capsys, state, exceptions, code):
    told = {"receipt": "1.x.1.1-2", "state": state, "count": 2, "exceptions": exceptions}
    script.answers["GET", "/api/v1/receipts/1.x.1.1-2"] = 200, told
    assert run(["receipts", "1.x.1.1-2", "--url", script.url]) == code
    shown = capsys.readouterr().out
    assert state in shown
    assert ("t2" in shown) == bool(exceptions)


def test_interrupted_sessions_are_listed_and_restored(script, capsys):
    root = "/api/v1/translation/recovery"
    session = {"session_id": "s1", "status": "processing"}
    script.answers["GET", f"{root}/incomplete-sessions"] = 200, {"items": [session], "page": 1, "total": 1}
    script.answers["POST", f"{root}/restore/s1"] = (
        200,
        {
            "session": session,
            "statistics": {"total": 2, "progress": 0.5},
            "restored_at": "2026-01-01T00:00:00.000000Z",
            "tasks": [{"task_id": "t2", "status": "pending", "source_text": "World"}],
        },
    )
    assert run(["recovery", "list", "--url", script.url]) == Exit.OK
    assert "s1          processing" in capsys.readouterr().out
    assert run(["recovery", "restore", "s1", "--url", script.url]) == Exit.OK
    shown = capsys.readouterr().out
    assert "2026-01-01 00:00:00" in shown
    assert "t2       pending  -            World" in shown


@pytest.mark.parametrize(
    "command", [["query", "tasks"], ["get", "tasks", "x"], ["stats"], ["buffers"], ["receipts", "x"]]
)
@pytest.mark.parametrize("answer", [b"<html>", b"\xff", b"[1]", b'{"items":[1]}'])
def test_something_else_that_answers_is_no_traceback(script, capsys, command, answer):
    for path in (TASKS, f"{TASKS}/x", "/api/v1/system/stats", "/api/v1/system/buffers", "/api/v1/receipts/x"):
        script.answers["GET", path] = 200, answer
    code = run([*command, "--url", script.url])
    assert code == Exit.UNREACHABLE or (command[0] == "get" and answer.startswith(b'{"items'))
