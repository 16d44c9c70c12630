"""The way to an OpenSearch: what is wrong with it is said in the words of the port, and no password is shown."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode

import aiohttp
import pytest
from aiohttp import web

from adapters.opensearch.connection import OpenSearchServer
from adapters.opensearch.search_index import OpenSearchIndex
from adapters.opensearch.settings import OpenSearchSettings
from domain.errors import BackendUnavailable, InvalidConfiguration, SchemaMismatch, StartFailure
from domain.model.secret import Secret
from domain.model.tracing import CURRENT, Trace
from tests.authority import Authority
from tests.containers import free_port
from tests.wire import Wire

USER, PASSWORD = "persistence", "p@ss:w/o rd"


@pytest.fixture
async def connect():
    """A function (address, settings) -> an open connection, closed at the end."""
    opened = []

    async def connect(*hosts, query_seconds=60.0, **more):
        server = OpenSearchServer(OpenSearchSettings(hosts=hosts, query_seconds=query_seconds, **more))
        opened.append(server)
        await server.open()
        return server

    yield connect
    for server in opened:
        await server.close()


@pytest.fixture
async def guarded(opensearch, tmp_path):
    """Address and authority of a door before the real server that asks for a password, by TLS."""
    expected = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    authority = Authority()

    async def door(request):
        if request.headers.get("Authorization") != f"Basic {expected}":
            return web.Response(status=401, text="Unauthorized")
        content = await request.read()
        async with session.request(
            request.method,
            opensearch.url + request.path_qs,
            data=content,
            headers={"Content-Type": request.content_type},
        ) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)

    certificate, key = authority.signed("localhost")
    (tmp_path / "server.pem").write_bytes(certificate + key)
    (tmp_path / "authority.pem").write_bytes(authority.certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem")
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", door)
    runner = web.AppRunner(application)
    async with aiohttp.ClientSession() as session:
        await runner.setup()
        site = web.TCPSite(runner, "localhost", 0, ssl_context=context)
        await site.start()
        yield runner.addresses[0][1], tmp_path / "authority.pem"
        await runner.cleanup()


async def test_the_version_is_asked(connect, opensearch):
    server = await connect(opensearch.url)
    assert tuple(map(int, (await server.version()).split(".")[:2])) >= (2, 15)


async def test_a_user_enters_by_tls(connect, guarded):
    port, authority = guarded
    entering = {"user": Secret(USER), "password": Secret(PASSWORD), "ca_file": authority}
    assert await (await connect(f"https://localhost:{port}", **entering)).version()
    unverified = {**entering, "ca_file": None, "tls_verify": False}
    assert await (await connect(f"https://127.0.0.1:{port}", **unverified)).version()


async def test_a_wrong_password_ends_a_start_and_is_not_shown(guarded):
    port, authority = guarded
    for user, password in ((USER, "quite wrong"), ("quite wrong", PASSWORD)):
        settings = OpenSearchSettings(
            hosts=(f"https://localhost:{port}",), user=Secret(user), password=Secret(password), ca_file=authority
        )
        index = OpenSearchIndex(settings, "test", start_seconds=60.0)
        with pytest.raises(StartFailure, match=r"search: OpenSearch at .* refuses the user or the password") as refusal:
            await index.open()
        assert "quite wrong" not in str(refusal.value)
        assert "quite wrong" not in repr(settings)


@pytest.mark.parametrize(
    ("host", "trusting", "said"),
    [
        ("https://localhost", False, "self-signed certificate|unable to get local issuer certificate"),
        ("https://127.0.0.1", True, "IP address mismatch|not valid for"),
        ("http://localhost", True, "cannot be reached|answers with"),
    ],
    ids=["unknown authority", "another host", "no TLS"],
)
async def test_what_is_wrong_with_tls_is_said(connect, guarded, host, trusting, said):
    port, authority = guarded
    server = await connect(f"{host}:{port}", ca_file=authority if trusting else None)
    with pytest.raises(BackendUnavailable, match=said):
        await server.version()


async def test_a_server_without_tls_is_no_server_with_tls(connect, opensearch):
    server = await connect(f"https://{opensearch.host}:{opensearch.port}")
    with pytest.raises(BackendUnavailable, match="cannot be reached"):
        await server.version()


async def test_a_certificate_that_is_not_there_is_named(tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (tmp_path / "missing.pem", empty):
        server = OpenSearchServer(OpenSearchSettings(hosts=("https://localhost",), ca_file=path))
        with pytest.raises(InvalidConfiguration, match=rf"search\.ca_file: .*{path.name}"):
            await server.open()


@pytest.mark.parametrize(
    "url", ["", "localhost:9200", "ftp://localhost", "https://", "http://localhost:port", "http://there?a=b"]
)
def test_an_address_that_is_none_is_named(url):
    with pytest.raises(InvalidConfiguration, match=r"search\.url: "):
        OpenSearchServer(OpenSearchSettings(hosts=(url,)))


def test_an_address_with_a_password_is_refused_and_not_shown():
    with pytest.raises(InvalidConfiguration, match="`user` and `password`") as refusal:
        OpenSearchServer(OpenSearchSettings(hosts=("https://me:quite-secret@localhost:port",)))
    assert "quite-secret" not in str(refusal.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
async def test_a_server_that_is_gone_is_said_to_be_gone(connect, host):
    server = await connect(f"http://{host}:{free_port()}")
    with pytest.raises(BackendUnavailable, match=r"cannot be reached: |did not answer"):
        await server.version()


async def test_a_server_that_is_gone_is_no_reason_not_to_start():
    index = OpenSearchIndex(OpenSearchSettings(hosts=(f"http://127.0.0.1:{free_port()}",)), "test")
    await index.open()
    status = await index.health_check()
    assert (status.healthy, "cannot be reached" in status.detail) == (False, True)
    await index.close()


async def test_the_next_node_is_asked_where_one_is_away(connect, opensearch):
    server = await connect(f"http://127.0.0.1:{free_port()}", opensearch.url)
    for _ in range(3):
        assert await server.version()


async def test_a_server_that_says_nothing_is_given_up_in_time(connect, opensearch):
    async with Wire(opensearch.host, opensearch.port) as wire:
        wire.block()
        hasty = await connect(f"http://127.0.0.1:{wire.port}", query_seconds=0.3)
        with pytest.raises(BackendUnavailable, match=r"did not answer within 0\.3 s"):
            await hasty.version()
        wire.mend()
        assert await (await connect(f"http://127.0.0.1:{wire.port}")).version()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\n\r\nhello", b"SSH-2.0-OpenSSH\r\n", b"\0" * 100])
async def test_what_is_no_opensearch_is_said_to_be_none(connect, answer):
    async def speak(reader, writer):
        await reader.read(100)
        writer.write(answer)
        writer.close()

    speaker = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with speaker:
        server = await connect(f"http://127.0.0.1:{speaker.sockets[0].getsockname()[1]}")
        with pytest.raises((BackendUnavailable, SchemaMismatch)):
            await server.version()


@pytest.mark.parametrize(
    "answer",
    [
        {"version": {"number": "2.14.0", "distribution": "opensearch"}},
        {"version": {"number": "8.15.0"}, "tagline": "You Know, for Search"},
        {"version": {"number": "none", "distribution": "opensearch"}},
        {"version": None},
        ["hello"],
    ],
    ids=["too old", "another product", "no number", "no version", "a list"],
)
async def test_another_server_is_refused(connect, answer):
    async def say(_):
        return web.json_response(answer)

    application = web.Application()
    application.router.add_get("/", say)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = await connect(f"http://127.0.0.1:{runner.addresses[0][1]}")
    with pytest.raises(SchemaMismatch, match=r"OpenSearch 2\.15 or newer is needed"):
        await server.version()
    await runner.cleanup()


async def test_a_call_says_for_which_trace_it_is(connect):
    heads = []

    async def door(request):
        heads.append((request.headers.get("traceparent"), request.headers.get("tracestate")))
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/", door)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        server = await connect("http://{}:{}".format(*runner.addresses[0][:2]))
        await server.ask("GET")
        token = CURRENT.set(Trace("a" * 32, "b" * 16, sampled=True, state="congo=1"))
        await server.ask("GET")
        CURRENT.reset(token)
    finally:
        await runner.cleanup()
    assert heads == [(None, None), (f"00-{'a' * 32}-{'b' * 16}-01", "congo=1")]
