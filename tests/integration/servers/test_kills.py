"""A server that is killed in the middle of its batches holds each of them whole or not at all."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from random import Random

import pytest

from domain.errors import BackendError
from domain.model.translation import TASKS
from persistence_contract.records import record
from tests.contract.adapters import SERVERS, server_backend

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "3"))
SIZE = 400
WRITERS = 4


class Writer:
    """Writes one batch of fresh keys after the other, and remembers which were confirmed."""

    def __init__(self, backend, number: int) -> None:
        self.confirmed: set[str] = set()
        self.running = True
        self._backend = backend
        self._number = number

    async def write(self) -> None:
        batch = 0
        while self.running:
            name = f"{self._number}-{batch:05}"
            records = [record(f"{name}-{item:03}", 1, item + 1, batch_id=name) for item in range(SIZE)]
            try:
                await self._backend.write(TASKS, records)
            except BackendError:
                await asyncio.sleep(0.05)
            else:
                self.confirmed.add(name)
            batch += 1  # a batch without an answer is never tried again: it must be whole or absent as it is


@pytest.mark.parametrize("kind", SERVERS)
async def test_no_batch_is_partial_and_none_that_was_confirmed_is_missing(kind, request):
    server, random = request.getfixturevalue(kind), Random(7)
    with server.database() as database:
        backend = server_backend(database)
        await backend.migrate()
        await backend.open()
        try:
            writers = [Writer(backend, number) for number in range(WRITERS)]
            async with asyncio.TaskGroup() as group:
                for writer in writers:
                    group.create_task(writer.write())
                for _ in range(KILLS):
                    await asyncio.sleep(random.uniform(0.2, 0.8))
                    await asyncio.to_thread(server.kill)
                    await asyncio.to_thread(server.start)
                for writer in writers:
                    writer.running = False
            found = Counter([one.values[2] async for portion in backend.dump(TASKS) for one in portion])
        finally:
            await backend.close()
    assert set(found.values()) == {SIZE}
    confirmed = {name for writer in writers for name in writer.confirmed}
    assert len(confirmed) > WRITERS * KILLS
    assert confirmed <= set(found)
