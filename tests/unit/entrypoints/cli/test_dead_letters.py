"""Refused records on the command line."""

import json

import pytest

from entrypoints.cli.app import run
from entrypoints.cli.failures import Exit

LETTERS = "/api/v1/system/dead-letters"
ID = "translation_tasks.17.913"
ITEM = {
    "id": ID,
    "key": "t1",
    "failed_at": "2026-11-24T10:49:41.266665Z",
    "code": "record_refused",
    "detail": "too\x1b[31m long",
}
PAGE = {
    "items": [ITEM],
    "causes": [{"collection": "translation_tasks", "code": "record_refused", "count": 1200}],
    "total": 1200,
    "full": True,
    "next_cursor": "abc",
}


def swept(cursor=None, kept=0, **verdicts):
    total = sum(verdicts.values())
    return 200, {"replayed": total, "verdicts": verdicts, "kept": kept, "before": "T", "next_cursor": cursor}


def test_letters_are_a_table_for_people_and_json_for_programs(script, capsys):
    script.answers["GET", LETTERS] = 200, PAGE
    assert run(["dead-letters", "list", "--url", script.url, "--collection", "tasks", "-n", "1"]) == Exit.OK
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "id                        key  failed_at            code            detail",
        f"{ID}  t1   2026-11-24 10:49:41  record_refused  too [31m long",
    ]
    assert "1 of 1,200 dead letters (1,200 record_refused of translation_tasks); go on with --cursor abc." in err
    assert "They are full" in err
    assert script.asked[-1] == (LETTERS, [("collection", "translation_tasks"), ("page_size", "1")])
    assert run(["dead-letters", "list", "--json", "--url", script.url]) == Exit.OK
    assert json.loads(capsys.readouterr().out) == PAGE


def test_one_letter_is_shown_with_its_record(script, capsys):
    script.answers["GET", f"{LETTERS}/{ID}"] = 200, ITEM | {"record": {"task_id": "t1"}}
    assert run(["dead-letters", "show", ID, "--url", script.url]) == Exit.OK
    assert "record\n  task_id                t1\n" in capsys.readouterr().out
    assert run(["dead-letters", "show", "else", "--url", script.url]) == Exit.INCOMPLETE


@pytest.mark.parametrize(
    ("verdict", "code"), [("stored", 0), ("stale", 0), ("dead_lettered", 65), ("conflict", 65), ("pending", 1)]
)
def test_a_replay_says_what_became_of_it(script, capsys, verdict, code):
    answer = {"id": ID, "verdict": verdict, "receipt": "1.translation_tasks.1.9-9", "revision": "913", "key": "t1"}
    script.answers["POST", f"{LETTERS}/{ID}/replay"] = 200, answer
    assert run(["dead-letters", "replay", ID, "--url", script.url]) == code
    assert verdict in capsys.readouterr().out
    assert script.bodies[-1] == b""


def test_an_edited_record_is_sent_in_its_place(script, tmp_path):
    (tmp_path / "r.json").write_text('{"task_id": "t1"}')
    answer = {"id": ID, "verdict": "stored", "receipt": "r", "revision": "9", "key": "t1"}
    script.answers["POST", f"{LETTERS}/{ID}/replay"] = 200, answer
    assert run(["dead-letters", "replay", ID, "--record", str(tmp_path / "r.json"), "--url", script.url]) == Exit.OK
    assert script.bodies[-1] == b'{"task_id": "t1"}'


def test_many_are_replayed_page_by_page_and_those_refused_again_not_twice(script, capsys):
    pages = iter([swept("c1", stored=1000), swept("c2", stored=900, dead_lettered=100), swept(stale=3, kept=2)])
    script.answers["POST", f"{LETTERS}/replay"] = lambda: next(pages)
    assert run(["dead-letters", "replay", "--code", "record_refused", "--url", script.url]) == Exit.INCOMPLETE
    assert capsys.readouterr().out == (
        "Replayed: 2,003 dead letters (100 dead_lettered, 3 stale, 1,900 stored); "
        "2 stay, which today's rules refuse or of which nothing is left.\n"
    )
    asked = [dict(params) for _, params in script.asked]
    assert [params.get("cursor") for params in asked] == [None, "c1", "c2"]
    assert [params.get("before") for params in asked] == [None, "T", "T"]
    assert all(params["code"] == "record_refused" for params in asked)


def test_all_of_them_may_be_meant_by_saying_so(script):
    pages = iter([swept("c1", stored=1), swept()])
    script.answers["POST", f"{LETTERS}/replay"] = lambda: next(pages)
    assert run(["dead-letters", "replay", "--all", "--json", "--url", script.url]) == Exit.OK
    assert [dict(params).get("all") for _, params in script.asked] == ["true", None]


@pytest.mark.parametrize(
    "words",
    [
        ["replay"],
        ["replay", ID, "--all"],
        ["replay", "--all", "--code", "x"],
        ["replay", "--all", "--record", "-"],
        ["purge", "--yes"],
        ["purge", ID, "--key", "t1", "--yes"],
    ],
)
def test_what_is_meant_must_be_said(script, words):
    assert run(["dead-letters", *words, "--url", script.url]) == Exit.USAGE
    assert script.asked == []


def test_a_purge_asks_whether_it_is_meant(script, capsys, monkeypatch):
    import io
    import sys

    script.answers["DELETE", f"{LETTERS}/{ID}"] = 204, b""
    script.answers["DELETE", LETTERS] = 200, {"purged": 1200}
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert run(["dead-letters", "purge", ID, "--url", script.url]) == Exit.INTERRUPTED
    assert script.asked == []
    assert run(["dead-letters", "purge", ID, "--yes", "--url", script.url]) == Exit.OK
    assert run(["dead-letters", "purge", "--key", "t1", "--yes", "--url", script.url]) == Exit.OK
    assert capsys.readouterr().out.endswith("Purged: 1 dead letter.\nPurged: 1,200 dead letters.\n")
