"""Files through the real process: bounded memory, and a kill -9 at any moment of an upload."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import random
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from domain.model.files import FILES
from domain.model.query import Query, ordered
from domain.services.files import object_of
from entrypoints.container import Container
from entrypoints.lifespan import running
from entrypoints.settings import load_settings
from tests.e2e.api import Lost
from tests.e2e.service import Service

ADDRESS = "/api/v1/storage/files"
MIB = 1024 * 1024
PIECE = bytes(MIB)
GROWTH_KIB = 32 * 1024
KILLS = 5
UPLOADERS = 4
NAMES = 12  # files that are put again and again
DAY_AND_MORE = 25 * 3600

large = pytest.mark.skipif(
    os.environ.get("PERSISTENCE_LARGE_FILES") != "1", reason="takes minutes and 5 GiB: set PERSISTENCE_LARGE_FILES=1"
)


@pytest.mark.slow
@pytest.mark.parametrize("mebibytes", [300, pytest.param(5120, marks=large)])
async def test_a_large_file_goes_in_and_out_with_bounded_memory(service: Service, mebibytes: int) -> None:
    await service.start()
    whole = hashlib.sha256()
    async with aiohttp.ClientSession(service.url, timeout=aiohttp.ClientTimeout(total=None)) as session:

        async def sent(pieces: int) -> AsyncIterator[bytes]:
            for _ in range(pieces):
                whole.update(PIECE)
                yield PIECE

        async def put(pieces: int) -> dict[str, object]:
            async with session.put(f"{ADDRESS}/large", data=sent(pieces)) as response:
                assert response.status in (200, 201), await response.text()
                return await response.json()

        async def got() -> str:
            found = hashlib.sha256()
            async with session.get(f"{ADDRESS}/large") as response:
                async for piece in response.content.iter_chunked(MIB):
                    found.update(piece)
            return found.hexdigest()

        await put(8)
        await got()  # what every upload and download needs is loaded
        before = peak_kib(service)
        whole = hashlib.sha256()
        record = await put(mebibytes)
        assert (record["size"], record["sha256"]) == (mebibytes * MIB, whole.hexdigest())
        assert await got() == whole.hexdigest()
    assert peak_kib(service) - before < GROWTH_KIB
    assert await service.stop() == 0


def peak_kib(service: Service) -> int:
    """The most memory that the process has ever held."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


def content_of(name: str, turn: int) -> bytes:
    """What a file holds that was put at some turn: of a length of its own, so that a half is none of them."""
    chance = random.Random(f"{name} {turn}")
    return chance.randbytes(1000) * chance.randint(1, 1500)


class Uploads:
    """Puts files without end, and remembers what was sent and what was acknowledged."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._turns = iter(range(10**9))
        self.sent: dict[str, list[int]] = defaultdict(list)
        self.acknowledged: dict[str, int] = {}
        self.cut = 0

    async def run(self, names: list[str]) -> None:
        """Until the service is gone."""
        while True:
            for name in names:
                turn = next(self._turns)
                self.sent[name].append(turn)
                try:
                    sent = io.BytesIO(content_of(name, turn))
                    async with self._session.put(f"{ADDRESS}/{name}", data=sent) as response:
                        assert response.status in (200, 201), await response.text()
                except Lost:
                    self.cut += 1
                    return
                self.acknowledged[name] = turn

    def allowed(self, name: str) -> set[str]:
        """Digests of what the file may hold: the last that was acknowledged, or one that was sent later."""
        last = self.acknowledged.get(name, -1)
        return {hashlib.sha256(content_of(name, t)).hexdigest() for t in self.sent[name] if t >= last}


@pytest.mark.slow
async def test_a_kill_in_uploads_leaves_no_half_file_and_orphans_are_collected(service: Service) -> None:
    chance = random.Random(11)
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(service.url, connector=connector) as session:
        session._retry_connection = False  # what became of each request is for the test to see
        uploads = Uploads(session)
        await service.start()
        names = [f"f{number}" for number in range(NAMES)]
        for _ in range(KILLS):
            running_now = [asyncio.create_task(uploads.run(names[n::UPLOADERS])) for n in range(UPLOADERS)]
            await asyncio.sleep(chance.uniform(0.3, 1.2))
            service.kill()
            await asyncio.gather(*running_now)
            await service.start()
            for name in names:
                await check(session, uploads, name)
        assert len(uploads.acknowledged) == NAMES
        assert uploads.cut >= KILLS
        assert await service.stop() == 0
    await collect(service)


async def check(session: aiohttp.ClientSession, uploads: Uploads, name: str) -> None:
    """What a reader gets is whole, and not older than what was acknowledged."""
    async with session.get(f"{ADDRESS}/{name}") as response:
        content = await response.read()
        if response.status == 404:
            assert name not in uploads.acknowledged
            return
        assert response.status == 200
        assert hashlib.sha256(content).hexdigest() in uploads.allowed(name)


async def collect(service: Service) -> None:
    """Whatever the kills have left is gone a day later, and nothing else is."""
    container = Container(settings=load_settings(environ={}, flags={"data_dir": str(service.data_dir)}))
    async with running(container):
        for path in contents(service):
            long_ago = time.time() - DAY_AND_MORE
            os.utime(path, (long_ago, long_ago))
        before = len([*contents(service)])
        swept = await container.filing().watch._sweeper.sweep(container.buffer().instance)
        found = await container.query().find(FILES, Query(sort=ordered(FILES), limit=1000))
        named = {object_of(record) for record in found.items}
    assert swept.removed == before - len(named)
    assert swept.removed > 0, "no kill left an orphan: the test has seen nothing"
    assert {path.name for path in contents(service)} == named


def contents(service: Service) -> Iterator[Path]:
    return (path for path in (service.data_dir / "objects").rglob("*") if path.is_file())
