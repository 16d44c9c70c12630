"""What a worker answers: to strangers that it lives, and nothing about what it is made of; by the rules of the API."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.memory.backend import MemoryBackend
from entrypoints.container import Container
from entrypoints.http.answers import SAFETY
from entrypoints.lifespan import opened
from entrypoints.sections import AuthSettings, ConfiguredBackend, QuotaSettings, ServerSettings, WorkerSettings
from entrypoints.settings import Settings
from entrypoints.worker.partitions import build_doors
from ports.backend_type import BackendSettings, BackendType
from tests.authority import Authority
from tests.unit.domain.services.house import House
from tests.unit.domain.services.test_partition_worker import Works

PATHS = ("/health/live", "/health", "/metrics")


@asynccontextmanager
async def listening(**sections: Any) -> AsyncIterator[tuple[Container, str]]:
    """A worker's listener as its configuration makes it; its container, and where it is."""
    backend = MemoryBackend()
    kept = ConfiguredBackend("memory", BackendType(BackendSettings, lambda *_: backend, alone=True), BackendSettings())
    container = Container(settings=Settings(backends={"main": kept}, worker=WorkerSettings(port=0), **sections))
    (door,) = build_doors(container, Works(House(MemoryBackend())).worker)
    async with opened(container.credentials(), container.limiting(), door):
        await door.listen()
        yield container, door.url


async def key(container: Container, *scopes: str) -> dict[str, str]:
    _, text = await container.credentials().keys.create("a test", scopes, by="test")
    return {"X-API-Key": str(text)}


async def status(client: aiohttp.ClientSession, path: str, headers: dict[str, str] | None = None) -> int:
    async with client.get(path, headers=headers) as response:
        return response.status


@pytest.mark.parametrize("mode", ["off", "keys"])
@pytest.mark.parametrize("path", ["/health/live", "/health", "/nowhere"])
async def test_every_answer_says_what_nobody_shall_make_of_it(path: str, mode: Any) -> None:
    async with listening(auth=AuthSettings(mode=mode)) as (_, url), aiohttp.request("GET", url + path) as response:
        assert {name: response.headers.get(name) for name in SAFETY} == SAFETY


async def test_each_address_asks_for_the_right_that_it_asks_for_in_the_api() -> None:
    async with listening(auth=AuthSettings(mode="keys")) as (container, url), aiohttp.ClientSession(url) as client:
        asked = {
            who: [await status(client, path, head) for path in PATHS]
            for who, head in {
                "nobody": {},
                "any key": await key(container, "read"),
                "an administrator": await key(container, "admin"),
            }.items()
        }
    assert asked == {"nobody": [200, 401, 401], "any key": [200, 403, 200], "an administrator": [200, 200, 200]}


async def test_guesses_are_counted_and_stopped() -> None:
    quotas = QuotaSettings(anonymous_per_minute=3)
    async with (
        listening(auth=AuthSettings(mode="keys"), quotas=quotas) as (_, url),
        aiohttp.ClientSession(url) as client,
    ):
        guesses = [await status(client, "/metrics", {"X-API-Key": f"ps_guess.{number}"}) for number in range(5)]
    assert guesses == [401] * 3 + [429] * 2


async def test_it_speaks_tls_where_the_service_does(tmp_path: Path) -> None:
    authority, files = Authority(), {"certificate": tmp_path / "server.pem", "key": tmp_path / "key.pem"}
    for file, content in zip(files.values(), authority.signed("localhost"), strict=True):
        file.write_bytes(content)
        file.chmod(0o600)
    server = ServerSettings(tls_certificate=str(files["certificate"]), tls_key=str(files["key"]))
    trust = ssl.create_default_context(cadata=authority.certificate.decode())
    async with listening(server=server) as (_, url), aiohttp.ClientSession() as client:
        place = url.replace("127.0.0.1", "localhost")
        async with client.get(f"{place}/health/live", ssl=trust) as response:
            assert response.status == 200
            assert response.headers["Strict-Transport-Security"]
        with pytest.raises(aiohttp.ClientError):
            await client.get(f"{url.replace('https', 'http')}/health/live")
