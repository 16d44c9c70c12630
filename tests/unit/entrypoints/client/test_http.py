"""Requests that are repeated while repeating can help."""

import socket

import pytest

from entrypoints.client.failures import ServiceUnreachable
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
        with pytest.raises(ServiceUnreachable, match=r"answers 503: The pending log is full\."):
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


async def test_an_answer_of_something_else_has_an_empty_problem(script):
    script.answers = [(404, ["no problem document"])]
    async with Client(script.url) as client:
        assert (await client.request("GET", "/x")).problem.detail == "HTTP 404 without a problem document"
