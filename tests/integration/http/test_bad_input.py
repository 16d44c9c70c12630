"""Every bad input is a 4xx problem that names the place, and leaves nothing behind."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.http.running import API, Running, session, task

JSON = {"Content-Type": "application/json"}
TASKS = f"{API}/tasks/batch"


def batch(*tasks: dict[str, Any]) -> bytes:
    return json.dumps({"tasks": tasks}).encode()


def with_metadata(text: str) -> bytes:
    return batch(task(metadata="HERE")).replace(b'"HERE"', text.encode())


def is_problem(body: Any, status: int, code: str) -> bool:
    return (
        (body["status"], body["code"], body["type"]) == (status, code, f"/problems/{code}")
        and body["title"] != ""
        and body["detail"] != ""
        and body["cure"] != ""
        and body["request_id"] != ""
    )


MALFORMED = {
    "no JSON": (b"hello", "not JSON"),
    "empty": (b"", "not JSON"),
    "truncated": (batch(task())[:-5], "not JSON"),
    "something behind": (batch(task()) + b"{}", "not JSON"),
    "byte order mark": (b"\xef\xbb\xbf" + batch(task()), "not JSON"),
    "UTF-16": (batch(task()).decode().encode("utf-16"), "UTF-8"),
    "NaN": (batch(task(priority=0)).replace(b": 0", b": NaN"), "not JSON"),
    "Infinity in metadata": (with_metadata('{"a": -Infinity}'), "not JSON"),
    "200 levels": (with_metadata("[" * 200 + "]" * 200), "30 levels"),
    "200 levels instead of a batch": (b'{"tasks":' + b"[" * 200 + b"]" * 200 + b"}", "30 levels"),
    "100,000 levels": (b"[" * 100_000, "30 levels"),
    "lone surrogate": (batch(task(source_text="HERE")).replace(b"HERE", b"\\ud800"), "surrogate"),
    "lone surrogate in metadata": (with_metadata('{"a": "\\udc00x"}'), "surrogate"),
    "surrogate as UTF-8": (batch(task(source_text="HERE")).replace(b"HERE", b"\xed\xa0\x80"), "UTF-8"),
    "broken UTF-8 in metadata": (with_metadata('{"a": "!"}').replace(b"!", b"\xff"), "UTF-8"),
    "NUL": (batch(task(source_text="a\0b")), "NUL"),
    "NUL in metadata": (with_metadata('{"a\\u0000": 1}'), "NUL"),
    "raw NUL": (batch(task(source_text="HERE")).replace(b"HERE", b"\0"), "not JSON"),
    "6,000 digits": (batch(task(priority=0)).replace(b'"priority": 0', b'"priority": ' + b"1" * 6000), "digits"),
    "6,000 digits in metadata": (with_metadata('{"a": -0.' + "1" * 6000 + "}"), "digits"),
    "trailing comma": (with_metadata('{"a": 1,}'), "not JSON"),
}


@pytest.mark.parametrize(("body", "word"), MALFORMED.values(), ids=list(MALFORMED))
async def test_what_is_no_acceptable_json_is_400(service: Running, body: bytes, word: str) -> None:
    status, problem, _ = await service.ask("POST", TASKS, data=body, headers=JSON)
    assert status == 400
    assert is_problem(problem, 400, "malformed_body")
    assert word in problem["detail"]
    assert await service.stored() == 0


def moment(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


INVALID = {
    "an array": ([task()], "", "wrong_shape"),
    "a string": ("tasks", "", "wrong_shape"),
    "another envelope": ({"sessions": [task()]}, "/sessions", "unknown_field"),
    "a member too many": ({"tasks": [task()], "more/~": 1}, "/more~1~0", "unknown_field"),
    "no envelope": ({}, "", "wrong_shape"),
    "an object for an array": ({"tasks": task()}, "/tasks", "wrong_shape"),
    "null for a record": ({"tasks": [task(), None]}, "/tasks/1", "invalid_value"),
    "empty batch": ({"tasks": []}, "/tasks", "empty_batch"),
    "unknown field": ({"tasks": [task(colour="red")]}, "/tasks/0/colour", "unknown_field"),
    "unknown status": ({"tasks": [task(status="done")]}, "/tasks/0/status", "invalid_value"),
    "missing id": ({"tasks": [task() | {"task_id": None}]}, "/tasks/0/task_id", "invalid_value"),
    "no id": ({"tasks": [{k: v for k, v in task().items() if k != "task_id"}]}, "/tasks/0/task_id", "missing_field"),
    "empty id": ({"tasks": [task("")]}, "/tasks/0/task_id", "invalid_value"),
    "id of 65": ({"tasks": [task("a" * 65)]}, "/tasks/0/task_id", "invalid_value"),
    "control character in id": ({"tasks": [task("a\n")]}, "/tasks/0/task_id", "invalid_identifier"),
    "number for text": ({"tasks": [task(source_text=1)]}, "/tasks/0/source_text", "invalid_value"),
    "text for a number": ({"tasks": [task(priority="1")]}, "/tasks/0/priority", "invalid_value"),
    "33 bits": ({"tasks": [task(priority=2**31)]}, "/tasks/0/priority", "invalid_value"),
    "no date": ({"tasks": [task(created_at="yesterday")]}, "/tasks/0/created_at", "invalid_value"),
    "date without offset": (
        {"tasks": [task(created_at="2026-01-01T00:00:00")]},
        "/tasks/0/created_at",
        "invalid_value",
    ),
    "a day ahead": ({"tasks": [task(updated_at=moment(days=1))]}, "/tasks/0/updated_at", "version_in_future"),
}


@pytest.mark.parametrize(("body", "pointer", "code"), INVALID.values(), ids=list(INVALID))
async def test_what_breaks_a_declared_rule_is_422_with_its_place(
    service: Running, body: Any, pointer: str, code: str
) -> None:
    status, problem, _ = await service.post(TASKS, body)
    assert status == 422
    assert is_problem(problem, 422, "invalid_records")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert await service.stored() == 0


async def test_all_bad_records_are_listed_at_most_100(service: Running) -> None:
    bad = [task(f"t{i}", status="done") for i in range(150)]
    _, problem, _ = await service.post(TASKS, {"tasks": [task("good"), *bad]})
    assert [error["pointer"] for error in problem["errors"]] == [f"/tasks/{i}/status" for i in range(1, 101)]


async def test_a_missing_required_field_names_patch(service: Running) -> None:
    _, problem, _ = await service.post(TASKS, {"tasks": [{"task_id": "t1", "status": "completed"}]})
    assert "PATCH" in problem["errors"][0]["detail"]


async def test_more_than_10000_records_or_8_mib_are_413(service: Running) -> None:
    status, problem, _ = await service.post(TASKS, {"tasks": [task(f"t{i}") for i in range(10_001)]})
    assert is_problem(problem, 413, "payload_too_large")
    assert "10000" in problem["detail"]
    text = "x" * 500_000
    body = batch(*[task(f"t{i}", source_text=text) for i in range(17)])
    status, problem, _ = await service.send(TASKS, body)
    assert (status, problem["code"]) == (413, "payload_too_large")
    assert await service.stored() == 0


async def test_10000_records_are_one_batch(service: Running) -> None:
    assert (await service.post(TASKS, {"tasks": [task(f"t{i}") for i in range(10_000)]}))[0] == 202


async def test_a_wrong_content_type_is_415_with_the_header_to_send(service: Running) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"):
        status, problem, response = await service.ask("POST", TASKS, data=batch(task()), headers={"Content-Type": kind})
        assert is_problem(problem, 415, "unsupported_media_type")
        assert "application/json" in problem["detail"]
        assert response.headers["Accept-Post"] == "application/json, application/x-ndjson"
    patch = {"headers": {"Content-Type": "application/json-patch+json"}, "data": b"[]"}
    status, problem, response = await service.ask("PATCH", f"{API}/tasks/t1", **patch)
    assert (status, response.headers["Accept-Patch"]) == (415, "application/merge-patch+json, application/json")
    for coding in ("br", "gzip, gzip", "deflate"):
        headers = JSON | {"Content-Encoding": coding}
        status, problem, response = await service.ask("POST", TASKS, data=batch(task()), headers=headers)
        assert (status, response.headers["Accept-Encoding"]) == (415, "gzip")
    assert await service.stored() == 0


async def test_unknown_addresses_are_404_and_unknown_methods_405_with_allow(service: Running) -> None:
    _, problem, _ = await service.get(f"{API}/nothing")
    assert is_problem(problem, 404, "route_not_found")
    for path, allow in (
        (TASKS, "PATCH, POST"),
        (f"{API}/tasks/t1", "DELETE, GET, HEAD, PATCH"),
        ("/", "GET, HEAD"),
    ):
        status, problem, response = await service.ask("PUT", path)
        assert status == 405
        assert is_problem(problem, 405, "method_not_allowed")
        assert response.headers["Allow"] == allow
    assert (await service.get(TASKS))[0] == 405
    assert (await service.get(f"{API}/tasks/query"))[0] == 404
    assert (await service.get("/problems/nothing"))[0] == 404


BAD_QUERIES = {
    "page=0": "page",
    "page=-1": "page",
    "page=1.5": "page",
    "page_size=0": "page_size",
    "page_size=1000000": "page_size",
    "page=99999999": "cursor",
    "page=101&page_size=1000": "cursor",
    "sort_by=colour": "colour",
    "sort_by=name;drop": "name;drop",
    "sort_by=status,status": "twice",
    "order=down": "order",
    "sort_by=status&order=asc,desc": "order",
    "status__like=a": "like",
    "priority__contains=1": "contains",
    "colour=red": "colour",
    "colour__in=red": "colour",
    "limit=3": "limit",
    "status=done": "pending, processing",
    "status__in=pending,": "status",
    "status=pending&status=failed": "status__in",
    "priority=0x1": "priority",
    "priority=1e400": "priority",
    "priority=%D9%A1": "priority",
    "priority=true": "priority",
    "priority__between=1": "between",
    "priority__isnull=1": "isnull",
    "created_at__gte=yesterday": "created_at",
    "created_at__gte=2026-02-30": "created_at",
    "created_at__gte=2026-01-01T00:00:00": "created_at",
    "created_at__gte=0001-01-01T00:00:00%2B23:00": "created_at",
    "to_date=9999-12-31": "to_date",
    "from_date=": "from_date",
    "source_text=%00": "NUL",
    "source_text=%FF": "UTF-8",
    "source_text=%ED%A0%80": "UTF-8",
    "fields=task_id,colour": "colour",
    "count=some": "count",
    "consistency=total": "consistency",
    "page=1&page=2": "page",
    "cursor=x&page=1": "cursor",
}


@pytest.mark.parametrize(("query", "word"), BAD_QUERIES.items())
async def test_a_bad_list_parameter_is_400_and_named(service: Running, query: str, word: str) -> None:
    from yarl import URL

    status, problem, _ = await service.ask("GET", URL(f"{service.server.url}{API}/tasks?{query}", encoded=True))
    assert status == 400
    assert is_problem(problem, 400, "invalid_parameter")
    assert word in problem["detail"]


async def test_an_edited_or_borrowed_cursor_is_400(service: Running) -> None:
    await service.post(TASKS, {"tasks": [task(f"t{i}", priority=i) for i in range(9)]})
    await service.stored()
    cursor = (await service.get(f"{API}/tasks?page_size=2"))[1]["next_cursor"]
    other = (await service.get(f"{API}/tasks?page_size=2&sort_by=priority"))[1]["next_cursor"]
    edited = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    for bad in ("", "nonsense", "%00", cursor + "A", edited, other):
        status, problem, _ = await service.get(f"{API}/tasks?page_size=2&cursor={bad}")
        assert status == 400
        assert is_problem(problem, 400, "invalid_cursor")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", TASKS),
        ("PATCH", TASKS),
        ("GET", f"{API}/sessions/s1"),
        ("GET", f"{API}/tasks/t1"),
        ("PATCH", f"{API}/tasks/t1"),
        ("DELETE", f"{API}/tasks/t1"),
        ("POST", f"{API}/recovery/restore/s1"),
        ("GET", f"{API}/recovery/incomplete-sessions"),
        ("GET", "/api/v1/receipts/1.a.1.1-1"),
        ("GET", "/api/v1/system/info"),
        ("GET", "/api/v1/system/health"),
        ("GET", "/api/v1/system/stats"),
        ("GET", "/api/v1/system/buffers"),
        ("POST", "/api/v1/system/flush"),
        ("GET", "/"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/metrics"),
        ("GET", "/problems/not_found"),
    ],
)
async def test_an_unknown_parameter_is_400_everywhere(service: Running, method: str, path: str) -> None:
    status, problem, _ = await service.ask(method, f"{path}?wurst=1", json={} if method in ("POST", "PATCH") else None)
    assert (status, problem["code"]) == (400, "invalid_parameter")
    assert "wurst" in problem["detail"]


@pytest.mark.parametrize("key", ["a%00b", "%0A", "a" * 65, "%F0%9F%98%80" * 64])
async def test_an_impossible_id_in_the_address_is_400(service: Running, key: str) -> None:
    from yarl import URL

    for path in (f"/tasks/{key}", f"/sessions/{key}", f"/sessions/{key}/tasks"):
        status, problem, _ = await service.ask("GET", URL(f"{service.server.url}{API}{path}", encoded=True))
        assert status == 400
        assert is_problem(problem, 400, "invalid_parameter")


async def test_other_bad_words_are_named(service: Running) -> None:
    for method, path, options, code in (
        ("GET", "/api/v1/receipts/nonsense", {}, "receipt_not_found"),
        ("GET", "/api/v1/receipts/9.translation_tasks.1.1-1", {}, "receipt_elsewhere"),
        ("POST", "/api/v1/system/flush?timeout=soon", {}, "invalid_parameter"),
        ("POST", "/api/v1/system/flush?timeout=nan", {}, "invalid_parameter"),
        ("PATCH", TASKS, {"json": {"tasks": []}, "headers": {"If-Match": '"x"'}}, "invalid_parameter"),
        ("PATCH", f"{API}/tasks/t1", {"json": {}, "headers": {"If-Match": '"x'}}, "invalid_parameter"),
        ("POST", f"{TASKS}?on_error=panic", {"json": {"tasks": [task()]}}, "invalid_parameter"),
    ):
        status, problem, _ = await service.ask(method, path, **options)
        assert is_problem(problem, status, code)
        assert 400 <= status < 500


async def test_bad_patches_change_nothing(service: Running) -> None:
    await service.post(f"{API}/sessions/batch", {"sessions": [session(name="n")]})
    before = (await service.get(f"{API}/sessions/s1"))[1]
    deep = '{"metadata": ' + '{"a": ' * 40 + "1" + "}" * 40 + "}"
    for body, status in (
        (b"", 400),
        (b"[]", 422),
        (b"3", 422),
        (b'{"name": "\\u0000"}', 400),
        (deep.encode(), 400),
        (b'{"status": null}', 422),
        (b'{"session_id": "s2"}', 422),
        (b'{"colour": 1}', 422),
        (b'{"updated_at": "2001-01-01T00:00:00Z"}', 409),
    ):
        found, problem, _ = await service.ask("PATCH", f"{API}/sessions/s1", data=body, headers=JSON)
        assert (found, problem["status"]) == (status, status), body
    assert (await service.get(f"{API}/sessions/s1"))[1] == before


async def test_the_last_of_two_equal_members_wins_and_other_members_do_not_hide(service: Running) -> None:
    first, second = json.dumps([task("first")]), json.dumps([task("second")])
    assert (await service.send(TASKS, f'{{"tasks":{first},"tasks":{second}}}'.encode()))[0] == 202
    assert (await service.get(f"{API}/tasks/first"))[0] == 404
    assert (await service.get(f"{API}/tasks/second"))[0] == 200
    status, problem, _ = await service.send(TASKS, f'{{"tasks":{first},"more":{{}}}}'.encode())
    assert (status, problem["errors"][0]["pointer"]) == (422, "/more")
    assert (await service.send(TASKS, b"\x0b" + batch(task())))[0] == 400
    assert (await service.send(TASKS, b" \r\n{ \t" + batch(task())[1:-1] + b"\n} \n"))[0] == 202
