from __future__ import annotations

from typing import Any

import pytest

from tests.integration.http.running import API, Running, session, task


@pytest.fixture
async def filled(service: Running) -> Running:
    """Nine tasks: priority 0..8, three statuses, one a day."""
    statuses = ("pending", "processing", "completed")
    tasks = [
        task(
            f"t{i}",
            status=statuses[i % 3],
            priority=i,
            batch_id=None if i < 3 else f"b,{i % 2}",
            source_text=f"Text {i}" if i else "50%_\\",
            created_at=f"2026-01-0{i + 1}T12:00:00Z",
            updated_at="2026-02-01T00:00:00Z",
        )
        for i in range(9)
    ]
    await service.post(f"{API}/tasks/batch", {"tasks": tasks})
    assert await service.stored() == 9
    return service


async def keys(service: Running, query: str) -> list[str]:
    status, found, _ = await service.get(f"{API}/tasks?{query}")
    assert status == 200, found
    return [item["task_id"] for item in found["items"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=pending", "036"),
        ("status__ne=pending", "124578"),
        ("status__in=pending,completed", "023568"),
        ("status__in=pending&status__in=completed", "023568"),
        ("status__nin=pending,completed", "147"),
        ("priority__lt=2", "01"),
        ("priority__lte=2", "012"),
        ("priority__gt=6&priority__lt=8", "7"),
        ("priority__gte=-5", "012345678"),
        ("priority__between=3,5", "345"),
        ("batch_id__isnull=true", "012"),
        ("batch_id__isnull=false&priority__lt=5", "34"),
        ("batch_id__in=b\\,1,x", "357"),
        ("batch_id=b,1", "357"),
        ("source_text__prefix=Text", "12345678"),
        ("source_text__contains=%25_\\", "0"),
        ("source_text__contains=text", ""),
        ("created_at__lt=2026-01-03", "01"),
        ("from_date=2026-01-03&to_date=2026-01-05", "234"),
        ("to_date=2026-01-02T12:00:00Z", "0"),
        ("to_date=2026-01-02T13:00:00%2B01:00&from_date=2026-01-01T12:00:00Z", "0"),
        ("sort_by=priority&order=desc", "876543210"),
        ("sort_by=status,priority&order=asc,desc", "852630741"),
        ("sort_by=created_at&order=desc&page=2&page_size=4", "4321"),
        ("page=4&page_size=4", ""),
    ],
)
async def test_lists_take_every_operator_sort_and_page(filled: Running, query: str, found: str) -> None:
    assert await keys(filled, query) == [f"t{i}" for i in found]


async def test_a_page_tells_its_place_and_the_total(filled: Running) -> None:
    _, found, response = await filled.get(f"{API}/tasks?page=2&page_size=4&status__ne=failed")
    assert {name: found[name] for name in ("page", "page_size", "total", "total_exact")} == {
        "page": 2,
        "page_size": 4,
        "total": 9,
        "total_exact": True,
    }
    assert response.links["next"]["url"].query["cursor"] == found["next_cursor"]
    _, found, response = await filled.get(f"{API}/tasks?page=3&page_size=4")
    assert (len(found["items"]), found["next_cursor"], "Link" in response.headers) == (1, None, False)


@pytest.mark.parametrize("sort", ["", "&sort_by=status&order=desc", "&sort_by=batch_id,created_at", "&fields=status"])
async def test_links_lead_through_the_whole_list_once(filled: Running, sort: str) -> None:
    whole = (await filled.get(f"{API}/tasks?page_size=1000{sort}"))[1]["items"]
    found: list[Any] = []
    url: Any = f"{API}/tasks?page_size=2{sort}"
    while url:
        _, page, response = await filled.get(url)
        found += page["items"]
        url = response.links["next"]["url"] if "next" in response.links else None
    assert found == whole
    assert len(found) == 9


async def test_a_list_sorted_by_long_texts_is_paged_like_any_other(service: Running) -> None:
    long = [task(f"t{i}", source_text=chr(0x1F600 + i) * 30_000) for i in range(4)]
    await service.post(f"{API}/tasks/batch", {"tasks": long})
    await service.stored()
    found: list[Any] = []
    url: Any = f"{API}/tasks?sort_by=source_text&order=desc&page_size=1"
    while url:
        status, page, response = await service.get(url)
        assert status == 200
        found += page["items"]
        url = response.links["next"]["url"] if "next" in response.links else None
    assert [item["task_id"] for item in found] == ["t3", "t2", "t1", "t0"]


async def test_a_long_place_is_lost_when_its_record_changes(service: Running) -> None:
    long = [task(f"t{i}", source_text=f"{i}" * 30_000) for i in range(3)]
    await service.post(f"{API}/tasks/batch", {"tasks": long})
    await service.stored()
    address = f"{API}/tasks?sort_by=source_text&page_size=1"
    cursor = (await service.get(address))[1]["next_cursor"]
    await service.ask("PATCH", f"{API}/tasks/t0", json={"source_text": "0"})
    status, problem, _ = await service.get(f"{address}&cursor={cursor}")
    assert (status, problem["code"]) == (400, "invalid_cursor")
    assert "has changed" in problem["detail"]


async def test_a_link_that_clients_would_choke_on_is_left_out(filled: Running) -> None:
    status, page, response = await filled.get(f"{API}/tasks?page_size=1&task_id__nin={','.join(['x' * 50] * 155)}")
    assert (status, page["next_cursor"] is not None, "Link" in response.headers) == (200, True, False)


async def test_with_a_cursor_the_total_is_only_counted_on_demand(filled: Running) -> None:
    cursor = (await filled.get(f"{API}/tasks?page_size=4"))[1]["next_cursor"]
    _, found, _ = await filled.get(f"{API}/tasks?page_size=4&cursor={cursor}")
    assert (found["page"], found["total"], "total_exact" in found) == (None, None, False)
    assert [item["task_id"] for item in found["items"]] == ["t4", "t5", "t6", "t7"]
    _, found, _ = await filled.get(f"{API}/tasks?page_size=4&cursor={cursor}&count=exact")
    assert (found["total"], found["total_exact"]) == (9, True)
    assert (await filled.get(f"{API}/tasks?count=none"))[1]["total"] is None


async def test_fields_choose_what_an_item_shows(filled: Running) -> None:
    _, found, _ = await filled.get(f"{API}/tasks?fields=priority,task_id,revision&page_size=1")
    assert list(found["items"][0]) == ["priority", "task_id", "revision"]


async def test_sessions_come_newest_first(service: Running) -> None:
    sessions = [session(f"s{i}", created_at=f"2026-01-0{i + 1}T00:00:00Z") for i in range(3)]
    await service.post(f"{API}/sessions/batch", {"sessions": sessions})
    _, found, _ = await service.get(f"{API}/sessions?consistency=strong")
    assert [item["session_id"] for item in found["items"]] == ["s2", "s1", "s0"]


async def test_a_strong_list_shows_what_was_just_acknowledged(service: Running) -> None:
    for i in range(5):
        await service.post(f"{API}/tasks/batch", {"tasks": [task(f"t{i}")]})
        assert len(await keys(service, "consistency=strong")) == i + 1


async def test_head_answers_like_get_without_a_body(filled: Running) -> None:
    status, body, response = await filled.ask("HEAD", f"{API}/tasks?page_size=2")
    assert (status, body, "next" in response.links) == (200, b"", True)
