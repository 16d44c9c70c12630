"""Backends by name, and their replacement while calls run."""

from __future__ import annotations

import asyncio

import pytest

from adapters.memory.backend import MemoryBackend
from adapters.system.clock import SystemClock
from domain.errors import UnknownBackend, UnknownCollection
from domain.model.built_in import BUILT_IN
from domain.model.query import EVERYTHING
from domain.model.translation import TASKS
from domain.services.registry import NamedBackend, StorageBackendRegistry
from persistence_contract.records import record
from ports.abilities import Scanning

ALL_TO = {name: {collection.name: name for collection in BUILT_IN} for name in ("one", "two")}


class SlowBackend(MemoryBackend):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def read(self, collection, key):
        await self.go.wait()
        return await super().read(collection, key)


@pytest.fixture
def slow():
    return SlowBackend()


@pytest.fixture
def registry(slow):
    return StorageBackendRegistry(
        [NamedBackend("one", "memory", slow)], ALL_TO["one"], BUILT_IN, lambda _: None, SystemClock()
    )


async def test_a_call_ends_where_it_began_and_the_next_goes_to_the_new_backend(registry, slow):
    await slow.write(TASKS, [record("a", priority=1)])
    fresh = MemoryBackend()
    await fresh.write(TASKS, [record("a", priority=2)])
    running = asyncio.create_task(registry.backend(TASKS).read(TASKS, "a"))
    await asyncio.sleep(0)

    idle = asyncio.create_task(registry.replace([NamedBackend("two", "memory", fresh)], ALL_TO["two"])())
    assert (await registry.backend(TASKS).read(TASKS, "a")).values[8] == 2
    assert not idle.done()
    slow.go.set()
    await idle
    assert (await running).values[8] == 1
    assert (registry.generation, dict(registry.routes)) == (2, ALL_TO["two"])


async def test_a_result_that_is_still_read_counts_as_a_call(registry, slow):
    await slow.write(TASKS, [record("a")])
    portions = registry.ability(TASKS, Scanning).scan(TASKS, EVERYTHING)
    await anext(portions)
    idle = asyncio.create_task(registry.replace([NamedBackend("two", "memory", MemoryBackend())], ALL_TO["two"])())
    await asyncio.sleep(0.01)
    assert not idle.done()

    await portions.aclose()
    await idle


async def test_a_backend_that_stays_is_not_waited_for(registry, slow):
    running = asyncio.create_task(registry.backend(TASKS).read(TASKS, "a"))
    await asyncio.sleep(0)
    both = [NamedBackend("one", "memory", slow), NamedBackend("two", "memory", MemoryBackend())]

    await registry.replace(both, ALL_TO["two"])()
    running.cancel()


async def test_a_route_into_the_void_changes_nothing(registry):
    with pytest.raises(UnknownBackend, match=r"translation_sessions is routed to backend 'two'; configured are: one"):
        registry.replace([NamedBackend("one", "memory", MemoryBackend())], ALL_TO["two"])
    assert (registry.generation, dict(registry.routes)) == (1, ALL_TO["one"])


def test_an_unknown_collection_is_named_shortly(registry):
    with pytest.raises(UnknownCollection, match=r"No collection is called 'x{80}'\."):
        registry.collection("x" * 1000)
