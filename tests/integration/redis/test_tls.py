"""An encrypted way to Redis is one to the host that was asked for, or there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from adapters.redis.cache import RedisCache
from adapters.redis.server import RedisServer
from domain.errors import InvalidConfiguration, StartFailure, Unavailable
from domain.model.secret import Secret
from tests.authority import Authority
from tests.servers import Database
from tests.wire import Wire


class Door:
    """A door before a Redis, whose certificate is for ``localhost``."""

    def __init__(self, database: Database, wire: Wire, ca_file: str) -> None:
        self.database = database
        self.wire = wire
        self.ca_file = ca_file

    def url(self, host: str = "localhost", scheme: str = "rediss", more: str = "") -> Secret:
        database = self.database
        return Secret(f"{scheme}://:{quote(database.password, safe='')}@{host}:{self.wire.port}/{database.name}{more}")


@pytest.fixture
async def door(redis, tmp_path: Path) -> AsyncIterator[Door]:
    authority = Authority()
    with redis.database() as database:
        async with Wire(database.host, database.port, authority.door("localhost", tmp_path)) as wire:
            yield Door(database, wire, authority.trusted(tmp_path))


async def test_a_server_of_a_trusted_authority_is_spoken_to(door: Door) -> None:
    server = RedisServer(door.url(), ca_file=door.ca_file)
    await server.open()
    assert await server.ask("PING") in (True, b"PONG", "PONG")
    await server.close()
    cache = RedisCache(door.url(), ca_file=door.ca_file)
    await cache.put("key", b"value", 60)
    assert await cache.get("key") == b"value"
    await cache.close()


@pytest.mark.parametrize("wrong", ["host", "authority"])
async def test_a_strange_host_or_authority_is_refused_and_no_password_is_told(door: Door, wrong: str) -> None:
    url = door.url("127.0.0.1" if wrong == "host" else "localhost")
    ca_file = door.ca_file if wrong == "host" else ""
    server = RedisServer(url, ca_file=ca_file)
    with pytest.raises(StartFailure, match=r"(?i)certificate") as refused:
        await server.open()
    assert door.database.password not in refused.value.detail
    await server.close()
    cache = RedisCache(url, ca_file=ca_file)
    with pytest.raises(Unavailable):
        await cache.get("key")
    await cache.close()


async def test_clear_text_to_an_encrypted_door_is_refused(door: Door) -> None:
    server = RedisServer(door.url(scheme="redis"), call_seconds=2.0)
    with pytest.raises(StartFailure):
        await server.open()
    await server.close()


@pytest.mark.parametrize("make", [RedisServer, RedisCache])
@pytest.mark.parametrize(
    ("more", "scheme", "ca_file", "sentence"),
    [
        ("?ssl_cert_reqs=none", "rediss", "", "with options is not taken"),
        ("?ssl_check_hostname=false", "rediss", "", "with options is not taken"),
        ("", "redis", "authority.pem", "ca_file: it is for TLS"),
        ("", "rediss", "missing.pem", "ca_file: missing.pem cannot be used: No such file"),
        ("", "rediss", __file__, "ca_file: .* it holds no certificates"),
    ],
)
async def test_what_would_weaken_it_is_refused(make, more: str, scheme: str, ca_file: str, sentence: str) -> None:
    with pytest.raises(InvalidConfiguration, match=sentence):
        make(Secret(f"{scheme}://localhost:6379/0{more}"), ca_file=ca_file)
