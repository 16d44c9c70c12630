"""What a worker answers to strangers: that it lives, and nothing about what it is made of."""

from __future__ import annotations

import aiohttp
import pytest

from adapters.memory.backend import MemoryBackend
from domain.services.access import Access
from domain.services.api_keys import KeyStore
from domain.services.key_authenticator import KeyAuthenticator
from entrypoints.http.answers import SAFETY
from entrypoints.http.server import HttpServer
from entrypoints.http.worker_probes import Probes
from tests.unit.domain.services.house import House
from tests.unit.domain.services.test_partition_worker import Works


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("path", ["/health/live", "/health", "/nowhere"])
async def test_every_answer_says_what_nobody_shall_make_of_it(path: str, guarded: bool) -> None:
    house = House(MemoryBackend())
    keys = KeyAuthenticator(KeyStore(MemoryBackend), house.seen.append, house.clock)
    access = Access([keys] if guarded else [])
    probes = Probes(Works(house).worker, house.registry, house.seen.append, lambda **_: b"", access)
    server = HttpServer(probes.app, port=0)
    await server.open()
    await server.listen()
    try:
        async with aiohttp.ClientSession() as session, session.get(server.url + path) as response:
            assert {name: response.headers.get(name) for name in SAFETY} == SAFETY
    finally:
        await server.close()
