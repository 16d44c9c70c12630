"""Requests that are repeated while repeating can help."""

import socket

import pytest

from entrypoints.client import http
from entrypoints.client.failures import NotTheService, ServiceUnreachable
from entrypoints.client.http import Client


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_an_answer_comes_back_with_its_status_and_body(script):
    script.answers = [(202, {"count": 1})]
    async with Client(script.url) as client:
        answer = await client.request("POST", "/x", params={"a": "b c"}, body=b"{}")
    assert (answer.status, answer.ok, answer.body) == (202, True, b'{"count": 1}')
    assert script.requests == [("POST", "/x", {"a": "b c"}, b"{}")]


@pytest.mark.parametrize("trouble", [(503, {"code": "buffer_full"}), (429, {}), (502, {}), (504, {}), "reset"])
async def test_trouble_that_passes_is_waited_out(script, trouble):
    script.answers = [trouble, trouble, (200, {})]
    async with Client(script.url, patience_seconds=30) as client:
        assert (await client.request("POST", "/x", body=b"{}")).ok
    assert len(script.requests) == 3


async def test_a_request_keeps_its_key_until_it_is_answered(script):
    in_progress = (409, {"code": "idempotency_key_in_progress", "detail": "On its way."}, {"Retry-After": "0"})
    script.answers = ["reset", in_progress, (503, {"code": "replaying"}), (202, {})]
    async with Client(script.url, patience_seconds=30) as client:
        assert (await client.request("POST", "/x", body=b"{}", key="k")).status == 202
    assert script.keys == ["k"] * 4


async def test_a_request_without_a_key_has_none(script):
    script.answers = [(200, {})]
    async with Client(script.url) as client:
        await client.request("POST", "/x", body=b"{}")
    assert script.keys == [None]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422, 500, 501])
async def test_a_final_answer_is_not_asked_for_again(script, status):
    script.answers = [(status, {"code": "some_code", "detail": "Some detail.", "errors": [{"pointer": "/tasks/1"}]})]
    async with Client(script.url) as client:
        answer = await client.request("GET", "/x")
    assert (answer.ok, answer.problem.code, answer.problem.errors[0].pointer) == (False, "some_code", "/tasks/1")
    assert len(script.requests) == 1


async def test_patience_ends_with_the_reason(script):
    script.answers = [(503, {"code": "buffer_full", "detail": "The pending log is full."})]
    async with Client(script.url, patience_seconds=0.3) as client:
        with pytest.raises(ServiceUnreachable, match=r"answers 503: The pending log is full$"):
            await client.request("GET", "/x")
    assert len(script.requests) > 1


async def test_a_pause_that_outlasts_the_patience_is_not_begun(script):
    script.answers = [(503, {}, {"Retry-After": "3600"})]
    async with Client(script.url, patience_seconds=30) as client:
        with pytest.raises(ServiceUnreachable):
            await client.request("GET", "/x")
    assert len(script.requests) == 1


async def test_nobody_there_is_said_in_one_sentence(free_port):
    async with Client(f"http://127.0.0.1:{free_port}", patience_seconds=0.2) as client:
        with pytest.raises(ServiceUnreachable, match=rf"127\.0\.0\.1:{free_port} cannot be reached"):
            await client.request("GET", "/x")


async def test_silence_is_a_timeout(script):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with Client(url, patience_seconds=0, timeout_seconds=0.1) as client:
            with pytest.raises(ServiceUnreachable, match="does not answer in time"):
                await client.request("GET", "/x")


@pytest.mark.parametrize(
    ("status", "content", "sentence"),
    [
        (404, ["no problem document"], "what answers at {url} is not Persistence Service"),
        (
            404,
            {"code": "route_not_found", "detail": "No such address."},
            "what answers at {url} is not Persistence Service",
        ),
        (502, "<html>", "{url} answers 502, as a proxy without a service does"),
        (403, {"code": "forbidden", "detail": "Not you."}, "{url} answers 403: Not you"),
    ],
)
async def test_what_an_answer_tells_is_one_sentence(script, status, content, sentence):
    script.answers = [(status, content)]
    async with Client(script.url) as client:
        answer = await client.once("GET", "/x")
    assert str(answer.refusal).startswith(sentence.format(url=script.url))


async def test_nothing_is_sent_elsewhere(script):
    script.answers = [(302, {}, {"Location": "/elsewhere"})]
    async with Client(script.url, patience_seconds=0) as client:
        with pytest.raises(ServiceUnreachable, match="sends elsewhere, to '/elsewhere'"):
            await client.request("POST", "/x", body=b"{}")
    assert len(script.requests) == 1


async def test_a_password_in_an_address_is_in_no_message():
    async with Client("http://user:secret@127.0.0.1:1", patience_seconds=0) as client:
        with pytest.raises(ServiceUnreachable, match=r"^http://127\.0\.0\.1:1 cannot be reached"):
            await client.request("GET", "/x")


async def test_a_long_trouble_is_told_once(script, monkeypatch):
    monkeypatch.setattr(http, "_QUIET_SECONDS", 0)
    script.answers = ["reset", "reset", "reset", (200, {}), "reset", "reset", "reset", (200, {})]
    told = []
    async with Client(script.url, patience_seconds=30, on_trouble=told.append) as client:
        await client.request("GET", "/x")
        assert len(told) == 1
        await client.request("GET", "/x")
    assert len(told) == 2
    assert told[0].endswith("; trying again for up to 30 s")


async def test_an_answer_that_never_ends_is_given_up(script, monkeypatch):
    monkeypatch.setattr(http, "MAX_ANSWER_BYTES", 1000)
    received = []
    script.answers = [(200, "x" * 2000)]
    async with Client(script.url, on_bytes=received.append) as client:
        with pytest.raises(NotTheService):
            await client.once("GET", "/x")
    assert sum(received) > 1000
