"""A field that had another name: the former one is taken wherever it may be said, and the answer says until when."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date

import pytest

from entrypoints.http.deprecations import FORMER_FIELDS, Deprecation
from tests.integration.http.running import API, Running, running, session, task

TASKS, LOGS = f"{API}/tasks", "/api/v1/logs"
RENAMED = Deprecation(since=date(2026, 11, 1), until=date(2027, 6, 1), instead="source_lang")
FORMER = {
    "translation_tasks": {"source_language": RENAMED},
    "logs": {"severity": Deprecation(since=date(2026, 10, 1), until=date(2027, 5, 1), instead="level")},
}
TOLD = {"Deprecation": "@1793491200", "Sunset": "Tue, 01 Jun 2027 00:00:00 GMT"}


@pytest.fixture
async def service() -> AsyncIterator[Running]:
    async with running(former=FORMER) as found:
        yield found


def former(task_id: str = "t1", **fields: object) -> dict[str, object]:
    """A task as clients of a former release send it."""
    found = task(task_id, **fields)
    return {"source_language" if name == "source_lang" else name: value for name, value in found.items()}


def said(response: object) -> dict[str, str]:
    headers = response.headers  # type: ignore[attr-defined]
    links = [link for link in headers.getall("Link", []) if "deprecation" in link]
    assert len(links) == ("Deprecation" in headers)
    return {name: headers[name] for name in TOLD if name in headers}


async def test_a_batch_with_the_former_name_is_taken_and_shown_under_the_new_one(service: Running) -> None:
    sent = former(metadata={"source_language": "kept as it is"})
    status, _, response = await service.post(f"{TASKS}/batch", {"tasks": [sent, task("t2")]})
    assert (status, said(response)) == (202, TOLD)
    _, found, response = await service.get(f"{TASKS}/t1")
    assert (found["source_lang"], found["metadata"]) == ("en", {"source_language": "kept as it is"})
    assert "source_language" not in found
    assert said(response) == {}


async def test_lines_patches_and_patches_of_many_are_taken_alike(service: Running) -> None:
    lines = b"".join(json.dumps(former(f"t{n}")).encode() + b"\n" for n in range(3))
    status, _, response = await service.send(f"{TASKS}/batch", lines, "application/x-ndjson")
    assert (status, said(response)) == (202, TOLD)
    status, found, response = await service.ask("PATCH", f"{TASKS}/t1", json={"source_language": "fr"})
    assert (status, found["source_lang"], said(response)) == (200, "fr", TOLD)
    change = {"tasks": [{"task_id": "t2", "source_language": "it"}]}
    status, _, response = await service.ask("PATCH", f"{TASKS}/batch", json=change)
    assert (status, said(response)) == (200, TOLD)
    assert (await service.get(f"{TASKS}/t2"))[1]["source_lang"] == "it"


@pytest.mark.parametrize(
    "parameters",
    ["source_language=en", "source_language__in=en,fr", "sort_by=source_language", "fields=task_id,source_language"],
)
async def test_lists_are_asked_for_by_the_former_name(service: Running, parameters: str) -> None:
    await service.post(f"{TASKS}/batch", {"tasks": [task()]})
    status, found, response = await service.get(f"{TASKS}?{parameters}&consistency=strong")
    assert (status, len(found["items"]), said(response)) == (200, 1, TOLD)
    assert "source_lang" in found["items"][0]


async def test_queries_counts_and_exports_are_too(service: Running) -> None:
    log = {"severity": "error", "message": "late", "service": "translator"}
    status, _, response = await service.post(f"{LOGS}/batch", {"logs": [log]})
    assert status == 202
    assert said(response)["Deprecation"] == "@1790812800"
    tree = {"or": [{"not": {"severity": "info"}}, {"and": [{"severity": {"in": ["debug"]}}]}]}
    question = {"filter": tree, "sort_by": ["severity"], "fields": ["severity"], "consistency": "strong"}
    status, found, response = await service.post(f"{LOGS}/query", question)
    assert (status, found["items"]) == (200, [{"level": "error"}])
    assert said(response)
    status, found, response = await service.get(f"{LOGS}/aggregate?group_by=severity")
    assert (status, found["groups"]) == (200, [{"value": "error", "count": 1}])
    assert said(response)
    status, _, _ = await service.get(f"{LOGS}/export?severity=error")
    assert status == 200


async def test_a_record_that_says_both_is_refused_for_the_former_name(service: Running) -> None:
    both = {**task(), "source_language": "fr"}
    status, problem, _ = await service.post(f"{TASKS}/batch", {"tasks": [both]})
    assert status == 422
    assert problem["errors"][0]["pointer"] == "/tasks/0/source_language"
    assert (await service.get(f"{TASKS}?source_language=en&source_lang=en"))[0] == 400


async def test_what_cannot_be_read_is_refused_as_ever(service: Running) -> None:
    for body in (b'{"tasks": [{"source_language"', b'["source_language"]', b'{"tasks": "source_language"}'):
        assert (await service.send(f"{TASKS}/batch", body))[0] in (400, 422)
    await service.post(f"{API}/sessions/batch", {"sessions": [session(source_lang="source_language")]})
    assert (await service.get(f"{API}/sessions/s1"))[1]["source_lang"] == "source_language"


async def test_without_a_former_name_it_is_unknown() -> None:
    async with running() as service:
        assert (await service.post(f"{TASKS}/batch", {"tasks": [former()]}))[0] == 422
        assert (await service.get(f"{TASKS}?source_language=en"))[0] == 400


def test_nothing_is_taken_beyond_its_day() -> None:
    for names in FORMER_FIELDS.values():
        for name, found in names.items():
            assert date.today() < found.until, f"`{name}` was to go on {found.until}: take it out of FORMER_FIELDS"
