"""Kills while files are put: what was acknowledged is whole, what was not is whole or absent, nothing is left over."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from random import Random

import aiohttp

from domain.model.files import FILES, Swept
from domain.model.query import Query, ordered
from domain.services.files import object_of
from domain.services.whereabouts import NOTES
from entrypoints.container import Container
from entrypoints.lifespan import running
from entrypoints.settings import load_settings
from tests.e2e.api import Lost
from tests.e2e.buckets import bucket_of, settings_of_bucket
from tests.e2e.service import Service
from tests.servers import Minio
from tests.torture.trial import Result, Row, Trial

ADDRESS = "/api/v1/storage/files"
UPLOADERS = 4
NAMES = [f"f{number}" for number in range(12)]  # files that are put again and again


def content_of(name: str, turn: int) -> bytes:
    """What a file holds that was put at some turn: of a length of its own, so that a half is none of them."""
    chance = Random(f"{name} {turn}")
    return chance.randbytes(1000) * chance.randint(1, 1500)


class Uploads:
    """Puts files without end, and remembers what was sent and what was acknowledged."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._turns = iter(range(10**9))
        self.sent: dict[str, list[int]] = defaultdict(list)
        self.acknowledged: dict[str, int] = {}
        self.count = 0
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
                self.count += 1

    def allowed(self, name: str) -> set[str]:
        """Digests of what the file may hold: the last that was acknowledged, or one that was sent later."""
        last = self.acknowledged.get(name, -1)
        return {hashlib.sha256(content_of(name, t)).hexdigest() for t in self.sent[name] if t >= last}


async def uploads_killed(trial: Trial, store: str) -> Result:
    """Kill amid uploads again and again, and read everything after each; then collect what is left over."""
    with ExitStack() as stack:
        settings: Mapping[str, str] = {}
        if store == "bucket":
            settings = settings_of_bucket(bucket_of(stack.enter_context(Minio())))
        service, result = Service(trial.folder, settings=settings), Result()
        stack.callback(service.kill)
        async with aiohttp.ClientSession(
            service.url, connector=aiohttp.TCPConnector(force_close=True), timeout=aiohttp.ClientTimeout(total=120)
        ) as session:
            session._retry_connection = False  # what became of each request is for the row to see
            uploads = Uploads(session)
            await service.start()
            for _ in range(trial.times):
                await _killed_once(service, uploads, Random(f"{trial.seed} {result.injected}"), result)
                for name in NAMES:
                    await _check(session, uploads, name, result)
            await service.stop()
        swept, names = await _collected(service, settings, result)
        result.acknowledged, result.unknown = uploads.count, uploads.cut
        result.note = f"{swept.removed} orphans collected of {swept.seen} objects, {names} kept"
        return result


async def _killed_once(service: Service, uploads: Uploads, chance: Random, result: Result) -> None:
    before = uploads.count
    writers = [asyncio.create_task(uploads.run(NAMES[place::UPLOADERS])) for place in range(UPLOADERS)]
    while uploads.count == before and not any(writer.done() for writer in writers):  # noqa: ASYNC110  # a service's
        await asyncio.sleep(0.05)
    await asyncio.sleep(chance.uniform(0, 1))
    service.kill()
    await asyncio.gather(*writers)
    result.injected += 1
    begun = time.monotonic()
    await service.start()
    result.recovery.append(time.monotonic() - begun)


async def _check(session: aiohttp.ClientSession, uploads: Uploads, name: str, result: Result) -> None:
    """What a reader gets is whole, and not older than what was acknowledged."""
    async with session.get(f"{ADDRESS}/{name}") as response:
        content = await response.read()
        if response.status == 404:
            result.lost += name in uploads.acknowledged
        elif response.status != 200:
            result.faults.append(f"{name} is answered with {response.status}")
        elif hashlib.sha256(content).hexdigest() not in uploads.allowed(name):
            result.stale += 1
            result.faults.append(f"{name} holds {len(content)} bytes that were never sent, or were replaced")


async def _collected(service: Service, settings: Mapping[str, str], result: Result) -> tuple[Swept, int]:
    """Sweep as a day later; then each record names an object, and each object is named."""
    container = Container(settings=load_settings(environ=settings, flags={"data_dir": str(service.data_dir)}))
    container.observer.override(lambda _: None)
    async with running(container):
        filing, query = container.filing(), container.query()
        assert filing.files is not None
        assert filing.watch._sweeper is not None
        objects, sweeper = filing.files._objects, filing.watch._sweeper
        sweeper._grace = timedelta(0)
        swept = await sweeper.sweep(container.buffer().instance)
        found = await query.find(FILES, Query(sort=ordered(FILES), limit=1000))
        named = {object_of(record) for record in found.items}
        found_there = {one.name async for portion in objects.list() for one in portion}
        kept = {name for name in found_there if not name.startswith(NOTES)}
    if named - kept:
        result.faults.append(f"{len(named - kept)} records name an object that is not there")
    if kept - named:
        result.faults.append(f"{len(kept - named)} objects that no record names are left")
    return swept, len(named)


ROWS = [
    Row(
        name=f"uploads-killed-{store}",
        about=f"The service is killed by SIGKILL while {UPLOADERS} clients put files into a {store}; what is left?",
        run=partial(uploads_killed, store=store),
        short=5,
        full=50,
    )
    for store in ("folder", "bucket")
]
