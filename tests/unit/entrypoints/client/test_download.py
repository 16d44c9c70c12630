"""Export out of a running service."""

import json

import pytest

from domain.model.translation import SESSIONS, TASKS
from entrypoints.client.download import Download
from entrypoints.client.failures import ServiceUnreachable
from entrypoints.client.http import Client


async def fetch(script, collection):
    async with Client(script.url, patience_seconds=0.1) as client:
        download = Download(client, collection)
        return [page async for page in download.pages()], download.total


async def test_pages_follow_their_cursors_to_the_end(script):
    script.answers = [
        (200, {"items": [{"session_id": "a"}, {"session_id": "b"}], "next_cursor": "c1", "total": 3}),
        (200, {"items": [{"session_id": "c"}], "next_cursor": None, "total": None}),
    ]
    pages, total = await fetch(script, SESSIONS)
    assert [[json.loads(item)["session_id"] for item in page] for page in pages] == [["a", "b"], ["c"]]
    assert total == 3
    (_, path, first, _), (_, _, second, _) = script.requests
    assert path == "/api/v1/translation/sessions"
    assert (first["sort_by"], first["order"], first["page_size"]) == ("session_id", "asc", "1000")
    assert first["consistency"] == "strong"
    assert second["cursor"] == "c1"
    assert "consistency" not in second


async def test_every_declared_field_is_asked_for_and_nothing_else(script):
    script.answers = [(200, {"items": [], "next_cursor": None})]
    await fetch(script, TASKS)
    assert script.requests[0][2]["fields"].split(",") == [field.name for field in TASKS.fields]


async def test_a_record_is_one_line_whatever_its_object_looked_like(script, monkeypatch):
    script.answers = [(200, {"items": [{"metadata": {"a": "x\ny"}}], "next_cursor": None})]
    monkeypatch.setattr(json, "dumps", lambda value, _dumps=json.dumps: _dumps(value, indent=1))
    ((item,),), _ = await fetch(script, SESSIONS)
    assert b"\n" not in item
    assert json.loads(item) == {"metadata": {"a": "x\ny"}}


async def test_a_refusal_is_said(script):
    script.answers = [(403, {"code": "forbidden", "detail": "Not you."})]
    with pytest.raises(ServiceUnreachable, match="403: Not you"):
        await fetch(script, SESSIONS)


async def test_a_page_that_does_not_fit_is_asked_for_in_halves(script):
    script.answers = [
        (400, {"detail": "`page_size`: the first 40 records hold more than an answer may."}),
        (400, {"detail": "`page_size`: the first 40 records hold more than an answer may."}),
        (200, {"items": [{"session_id": "a"}], "next_cursor": "c1"}),
        (200, {"items": [{"session_id": "b"}], "next_cursor": None}),
    ]
    pages, _ = await fetch(script, SESSIONS)
    assert len(pages) == 2
    assert [request[2]["page_size"] for request in script.requests] == ["1000", "500", "250", "250"]
