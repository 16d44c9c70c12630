"""Search over HTTP: words, filters, pages, facets; and what is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adapters.memory.search_index import MemorySearchIndex
from adapters.sqlite.search_index import SqliteSearchIndex
from domain.errors import BackendUnavailable
from domain.model.built_in import BUILT_IN
from domain.model.translation import TASKS
from tests.integration.http.running import API, Running, running, session, task

SEARCH = "/api/v1/search"


async def send(service: Running, *tasks: dict[str, Any]) -> None:
    status, answer, _ = await service.post(f"{API}/tasks/batch", {"tasks": tasks})
    assert status == 202, answer


async def found(service: Running, **parameters: Any) -> Any:
    status, answer, _ = await service.get(SEARCH, params={"consistency": "strong", **parameters})
    assert status == 200, answer
    return answer


def keys(answer: Any) -> list[str]:
    return [item["record"]["task_id"] for item in answer["items"]]


async def test_what_is_acknowledged_is_found_as_it_is_stored(service: Running) -> None:
    await send(service, task("t1", source_text="The quick brown fox"), task("t2", source_text="The lazy dog"))
    answer = await found(service, q="QUICK fox")
    _, record, _ = await service.get(f"{API}/tasks/t1")
    assert answer == {
        "items": [{"score": answer["items"][0]["score"], "record": record}],
        "page_size": 20,
        "total": 1,
        "total_exact": True,
        "next_cursor": None,
    }
    await service.ask("PATCH", f"{API}/tasks/t1", json={"source_text": "A slow red fox"})
    assert keys(await found(service, q="quick")) == []
    assert keys(await found(service, q="slow")) == ["t1"]
    await service.ask("DELETE", f"{API}/tasks/t1")
    assert keys(await found(service, q="fox")) == []


async def test_sessions_are_found_by_their_names(service: Running) -> None:
    await service.post(f"{API}/sessions/batch", {"sessions": [session("s1", name="Release notes, spring")]})
    answer = await found(service, q="notes", collection="translation_sessions")
    assert [item["record"]["session_id"] for item in answer["items"]] == ["s1"]


async def test_a_page_of_long_records_is_refused_with_the_cure_and_a_smaller_one_is_given(service, monkeypatch) -> None:
    monkeypatch.setattr("domain.services.search.PAGE_CHARACTERS", 10_000)
    await send(service, *[task(f"t{i:02}", source_text="word " * 200) for i in range(40)])
    status, problem, _ = await service.get(SEARCH, params={"q": "word", "page_size": 40, "consistency": "strong"})
    assert (status, problem["code"]) == (400, "invalid_parameter")
    assert problem["detail"].startswith("`page_size`: the first 16 records hold more than 10000 characters")
    assert len(keys(await found(service, q="word", page_size=8))) == 8


async def test_filters_and_facets(service: Running) -> None:
    await send(service, *[task(f"t{i}", source_text="word", status=s) for i, s in enumerate(["pending", "failed"] * 3)])
    answer = await found(service, q="word", status="failed", facets="status,session_id", page_size=2)
    assert (answer["total"], len(answer["items"])) == (3, 2)
    assert answer["facets"] == {"status": {"failed": 3}, "session_id": {"s1": 3}}
    assert len((await found(service, q="word", status__in="failed,pending"))["items"]) == 6
    assert (await found(service, q="word", to_date="2001-01-01"))["total"] == 0


async def test_pages_follow_one_another(service: Running) -> None:
    await send(service, *[task(f"t{i:02}", source_text="word " * (1 + i % 4)) for i in range(23)])
    seen, cursor = [], {}
    while cursor is not None:
        answer = await found(service, q="word", page_size=10, **cursor)
        seen += keys(answer)
        cursor = {"cursor": answer["next_cursor"]} if answer["next_cursor"] else None
    assert sorted(seen) == [f"t{i:02}" for i in range(23)]
    answer = await found(service, q="word", page_size=10)
    status, problem, _ = await service.get(SEARCH, params={"q": "other", "cursor": answer["next_cursor"]})
    assert (status, problem["code"]) == (400, "invalid_cursor")


async def test_highlights_come_as_html(tmp_path: Path) -> None:
    index = SqliteSearchIndex(tmp_path / "search.db", BUILT_IN)
    await index.open()
    async with running(index=index) as service:
        await send(service, task("t1", source_text="<b>one</b> word & another"))
        answer = await found(service, q="word", highlight="true")
        (item,) = answer["items"]
        assert item["highlights"] == {"source_text": "&lt;b&gt;one&lt;/b&gt; <mark>word</mark> &amp; another"}
    await index.close()


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({}, "`q` is missing"),
        ({"q": ""}, "no letter"),
        ({"q": "*"}, "no wildcards"),
        ({"q": "*?*"}, "no letter"),
        ({"q": "a" * 1001}, "1001 characters"),
        ({"q": "word", "page": "2"}, "`page` is neither"),
        ({"q": "word", "page_size": "101"}, "from 1 to 100"),
        ({"q": "word", "facets": "metadata"}, "`metadata` cannot be counted"),
        ({"q": "word", "facets": "a,b,c,d,e,f"}, "at most 5"),
        ({"q": "word", "highlight": "yes"}, "`highlight`"),
        ({"q": "word", "collection": "files"}, "not indexed"),
        ({"q": "word", "colour": "red"}, "`colour` is neither"),
        ({"q": "word", "status": "done"}, "status"),
        ({"q": "word", "consistency": "weak"}, "consistency"),
    ],
)
async def test_what_cannot_be_searched_is_refused(service: Running, parameters: dict[str, str], says: str) -> None:
    status, problem, _ = await service.get(SEARCH, params=parameters)
    assert status == 400, problem
    assert says in problem["detail"]


async def test_an_unknown_collection_is_not_found(service: Running) -> None:
    for method, path in (("GET", f"{SEARCH}?q=word&collection=nothing"), ("POST", f"{REBUILD}?collection=nothing")):
        status, problem, _ = await service.ask(method, path)
        assert (status, problem["code"]) == (404, "unknown_collection")


REBUILD = "/api/v1/system/search/rebuild"


async def test_a_service_without_an_index_says_how_to_have_one() -> None:
    async with running(index=False) as service:
        for method, path in (("GET", f"{SEARCH}?q=word"), ("POST", REBUILD)):
            status, problem, _ = await service.ask(method, path)
            assert (status, problem["code"]) == (501, "ability_missing")
            assert "[search]" in problem["detail"]
        assert (await service.get("/api/v1/system/health"))[1]["search"] is None


class Away(MemorySearchIndex):
    """An index that a test takes away."""

    away = False

    async def index(self, *args: Any, **options: Any) -> None:
        if self.away:
            raise BackendUnavailable("The index is away.")
        await super().index(*args, **options)


async def test_an_index_that_is_away_delays_no_write_and_is_seen_in_health() -> None:
    index = Away()
    async with running(index=index) as service:
        await send(service, task("t1", source_text="word"))
        assert keys(await found(service, q="word")) == ["t1"]
        index.away = True
        await send(service, task("t2", source_text="word"))
        assert await service.stored() == 2
        async with asyncio.timeout(30):
            while (health := (await service.get("/api/v1/system/health"))[1])["search"]["healthy"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert health["status"] == "degraded"
        assert health["search"]["collections"][TASKS.name] == {
            "state": "following",
            "records": 1,
            "last_error": "The index is away.",
        }
        index.away = False
        async with asyncio.timeout(30):
            while not (health := (await service.get("/api/v1/system/health"))[1])["search"]["healthy"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert health["status"] == "ok"
        assert sorted(keys(await found(service, q="word"))) == ["t1", "t2"]


async def test_a_rebuild_fills_the_index_from_the_backend(service: Running) -> None:
    await send(service, task("t1", source_text="word"))
    assert keys(await found(service, q="word")) == ["t1"]
    index = service.services.searching._index
    index._tables.clear()
    assert keys(await found(service, q="word")) == []
    status, answer, _ = await service.ask("POST", f"{REBUILD}?collection={TASKS.name}")
    assert (status, answer) == (202, {"status": "filling", "collections": [TASKS.name]})
    async with asyncio.timeout(30):
        while (await service.get(f"{SEARCH}?q=word"))[0] == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert keys(await found(service, q="word")) == ["t1"]
