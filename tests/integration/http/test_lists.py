"""Lists beyond a page: queries in bodies, counts by value, whole results."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.integration.http.running import Running

LOGS = "/api/v1/logs"
SOME = [
    {
        "log_id": "a",
        "level": "info",
        "message": 'one, "two"\nthree',
        "service": "api",
        "created_at": "2026-11-20T00:00:00Z",
    },
    {"log_id": "b", "level": "error", "message": "100% \u00e4", "service": "api", "created_at": "2026-11-21T00:00:00Z"},
    {"log_id": "c", "level": "error", "message": "m", "task_id": "t1", "created_at": "2026-11-22T00:00:00Z"},
    {"log_id": "d", "level": "debug", "message": "m", "context": {"k": [1.0]}, "created_at": "2026-11-23T00:00:00Z"},
]


@pytest.fixture
async def logged(service: Running) -> Running:
    status, answer, _ = await service.post(f"{LOGS}/batch?ack=stored&timeout=60", {"logs": SOME})
    assert status == 200, answer
    return service


async def ids(service: Running, **question) -> list[str]:
    status, page, _ = await service.post(f"{LOGS}/query", question)
    assert status == 200, page
    return [item["log_id"] for item in page["items"]]


TREES = [
    ({}, "dcba"),
    ({"level": "error"}, "cb"),
    ({"level": {"eq": "error"}, "service": "api"}, "b"),
    ({"level": {"in": ["error", "debug"]}}, "dcb"),
    ({"not": {"level": "error"}}, "da"),
    ({"or": [{"level": "debug"}, {"task_id": {"isnull": False}}]}, "dc"),
    ({"and": [{"level": "error"}, {"or": [{"service": "api"}, {"task_id": "none"}]}]}, "b"),
    ({"created_at": {"gte": "2026-11-21", "lt": "2026-11-23T00:00:00Z"}}, "cb"),
    ({"created_at": {"between": ["2026-11-21", "2026-11-22"]}}, "cb"),
    ({"message": {"contains": "100%"}}, "b"),
    ({"not": {"not": {"message": {"prefix": 'one, "'}}}}, "a"),
    ({"not": {"service": "api"}}, "dc"),
]


@pytest.mark.parametrize(("tree", "expected"), TREES, ids=[json.dumps(tree) for tree, _ in TREES])
async def test_a_tree_of_conditions_means_what_it_says(logged: Running, tree, expected) -> None:
    assert "".join(await ids(logged, filter=tree)) == expected


async def test_a_query_takes_the_words_of_lists(logged: Running) -> None:
    assert await ids(logged, sort_by=["level", "created_at"], order=["asc", "desc"]) == ["d", "c", "b", "a"]
    assert await ids(logged, page=2, page_size=3) == ["a"]
    status, page, response = await logged.post(
        f"{LOGS}/query", {"filter": {"level": "error"}, "fields": ["log_id"], "page_size": 1, "count": "exact"}
    )
    assert (status, page["items"], page["total"]) == (200, [{"log_id": "c"}], 2)
    assert "Link" not in response.headers
    rest = {"filter": {"level": "error"}, "page_size": 1, "cursor": page["next_cursor"]}
    assert await ids(logged, **rest) == ["b"]
    status, problem, _ = await logged.post(f"{LOGS}/query", rest | {"filter": {"level": "info"}})
    assert (status, problem["code"]) == (400, "invalid_cursor")


async def test_a_strong_query_shows_what_is_not_flushed_yet(service: Running) -> None:
    await service.post(f"{LOGS}/batch", {"logs": SOME})
    assert await ids(service, filter={"level": "error"}, consistency="strong") == ["c", "b"]


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ({"filter": {"lvl": "error"}}, "`lvl` is not a field of logs"),
        ({"filter": {"level": "loud"}}, "`level` is never 'loud'"),
        ({"filter": {"level": {"like": "e"}}}, "`like` is no operator for `level`"),
        ({"filter": {"level": {}}}, "`level` is compared by no operator"),
        ({"filter": {"level": 5}}, "`level` is compared with a text"),
        ({"filter": {"level": None}}, "`isnull` asks for null"),
        ({"filter": {"level": {"in": "error"}}}, "in takes an array"),
        ({"filter": {"level": {"in": []}}}, "1 to 10000 values"),
        ({"filter": {"task_id": {"isnull": "true"}}}, "isnull is `true` or `false`"),
        ({"filter": {"created_at": {"between": ["2026-11-21"]}}}, "between takes 2"),
        ({"filter": {"created_at": {"gte": "yesterday"}}}, "`created_at` takes a time"),
        ({"filter": {"or": []}}, "`or` takes an array"),
        ({"filter": {"and": {"level": "error"}}}, "`and` takes an array"),
        ({"filter": {"or": ["level"]}}, "take arrays of objects"),
        ({"filter": {"not": [{"level": "error"}]}}, "`not` takes an object"),
        ({"filter": [{"level": "error"}]}, "$.filter"),
        ({"filter": {"or": [{"task_id": str(n)} for n in range(201)]}}, "at most 200 conditions"),
        ({"where": {}}, "unknown field `where`"),
        ({"page": None}, "$.page"),
        ({"page": 1, "cursor": "x"}, "exclude each other"),
        ({"page_size": 1001}, "`page_size`"),
        ({"sort_by": ["nothing"]}, "`nothing`"),
        ({"order": ["up"]}, "`order`"),
        ({"fields": ["nothing"]}, "`nothing`"),
        ({"count": "many"}, "`count`"),
        ([], "is no query"),
    ],
)
async def test_a_wrong_query_is_refused_by_name(service: Running, question, named) -> None:
    status, problem, _ = await service.post(f"{LOGS}/query", question)
    assert (status, problem["code"]) == (400, "invalid_parameter")
    assert named in problem["detail"]


async def test_a_query_that_is_no_json_is_malformed(service: Running) -> None:
    deep = b'{"filter":' + b'{"not":' * 40 + b"{}" + b"}" * 41
    for body in (b"", b"{", b'{"filter": {"message": "\xff"}}', deep):
        status, problem, _ = await service.send(f"{LOGS}/query", body)
        assert (status, problem["code"]) == (400, "malformed_body")
    status, _, _ = await service.send(f"{LOGS}/query", b"{}", "text/plain")
    assert status == 415


async def groups(service: Running, question: str) -> dict[str, int]:
    status, found, _ = await service.get(f"{LOGS}/aggregate?{question}")
    assert status == 200, found
    return {group["value"]: group["count"] for group in found["groups"]}


async def test_logs_are_counted_by_level_the_commonest_first(logged: Running) -> None:
    assert [*(await groups(logged, "group_by=level")).items()] == [("error", 2), ("debug", 1), ("info", 1)]
    assert await groups(logged, "group_by=level&metrics=count&service=api") == {"error": 1, "info": 1}
    assert await groups(logged, "group_by=level&from_date=2026-11-21&to_date=2026-11-22") == {"error": 2}
    await logged.post(f"{LOGS}/batch", {"logs": [{"level": "trace", "message": "m"}]})
    assert (await groups(logged, "group_by=level&consistency=strong"))["trace"] == 1


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("", "`group_by` is missing"),
        ("group_by=message", "it takes a field with few values: level"),
        ("group_by=level&metrics=sum(level)", "`metrics` is one of: count"),
        ("group_by=level&page=1", "`page`"),
        ("group_by=level&group_by=level", "stands twice"),
    ],
)
async def test_a_wrong_count_is_refused_by_name(service: Running, question, named) -> None:
    status, problem, _ = await service.get(f"{LOGS}/aggregate?{question}")
    assert (status, problem["code"]) == (400, "invalid_parameter")
    assert named in problem["detail"]


async def test_an_export_has_every_record_that_was_acknowledged_in_the_order_of_ids(service: Running) -> None:
    await service.post(f"{LOGS}/batch", {"logs": SOME})
    status, _, response = await service.get(f"{LOGS}/export")
    assert (status, response.headers["Content-Type"]) == (200, "application/x-ndjson")
    lines = [json.loads(line) for line in service.last.splitlines()]
    assert [
        {name: line[name] for name in sent if name != "created_at"} for line, sent in zip(lines, SOME, strict=True)
    ] == [{name: value for name, value in sent.items() if name != "created_at"} for sent in SOME]
    assert b'"context":{"k": [1.0]}' in service.last
    assert (await service.get(f"{LOGS}/c"))[1] == lines[2]


async def test_an_export_takes_filters_and_is_csv_where_that_is_asked_for(logged: Running) -> None:
    status, _, response = await logged.get(f"{LOGS}/export?format=csv&service=api")
    assert (status, response.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    rows = [*csv.DictReader(io.StringIO(logged.last.decode(), newline=""))]
    assert [(row["log_id"], row["message"], row["task_id"]) for row in rows] == [
        ("a", SOME[0]["message"], ""),
        ("b", SOME[1]["message"], ""),
    ]
    await logged.get(f"{LOGS}/export?level=critical")
    assert logged.last == b""
    status, problem, _ = await logged.get(f"{LOGS}/export?format=xml")
    assert (status, problem["code"]) == (400, "invalid_parameter")


async def test_a_long_export_is_whole(service: Running) -> None:
    for begin in range(0, 2500, 500):
        logs = [{"log_id": f"k{n:04}", "level": "info", "message": "x" * 200} for n in range(begin, begin + 500)]
        await service.post(f"{LOGS}/batch", {"logs": logs})
    await service.get(f"{LOGS}/export")
    assert [json.loads(line)["log_id"] for line in service.last.splitlines()] == [f"k{n:04}" for n in range(2500)]


async def test_words_of_the_api_are_no_ids(service: Running) -> None:
    assert (await service.ask("POST", f"{LOGS}/aggregate"))[0] == 405
    assert (await service.get(f"{LOGS}/query"))[0] == 405
