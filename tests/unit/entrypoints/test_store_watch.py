"""The object store comes and goes; orphans are looked for, whatever happens."""

from __future__ import annotations

import asyncio

from adapters.memory.object_store import MemoryObjectStore
from adapters.system.clock import SystemClock
from domain.errors import BackendUnavailable
from domain.model.files import Swept
from domain.model.observations import ObjectStoreLost, ObjectStoreRegained, OrphansCollected, SweepFailed
from domain.model.records import HealthStatus
from entrypoints.store_watch import StoreWatch


class Store(MemoryObjectStore):
    """A store that may be away."""

    def __init__(self, *, away: bool = False) -> None:
        super().__init__(SystemClock())
        self.away = away
        self.opened = 0

    async def open(self) -> None:
        if self.away:
            raise BackendUnavailable("No answer.")
        self.opened += 1

    async def health_check(self) -> HealthStatus:
        healthy = self.opened > 0 and not self.away
        return HealthStatus(healthy=healthy, detail="well" if healthy else "No answer.", latency_seconds=0)


class Sweeper:
    """Answers sweep after sweep; the last answer for ever."""

    def __init__(self, *answers: Swept | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[int | None] = []

    async def sweep(self, instance: int | None) -> Swept:
        self.asked.append(instance)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


NOTHING = Swept(seen=3, removed=0, freed_bytes=0)


def watch(store: Store, sweeper: Sweeper, seen: list) -> StoreWatch:
    return StoreWatch(store, sweeper, lambda: 7, seen.append, look_seconds=0.001, sweep_seconds=0.001)


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what is waited for tells nobody
            await asyncio.sleep(0.001)


async def test_a_store_that_is_away_at_the_start_is_opened_when_it_answers_and_each_change_is_told_once():
    store, seen = Store(away=True), []
    found = watch(store, Sweeper(NOTHING), seen)
    await found.open()
    async with found.running():
        await until(lambda: seen)
        await asyncio.sleep(0.01)
        store.away = False
        await until(lambda: len(seen) == 2)
        store.away = True
        await until(lambda: len(seen) == 3)
    assert [type(one) for one in seen] == [ObjectStoreLost, ObjectStoreRegained, ObjectStoreLost]
    assert [one.detail for one in seen] == ["No answer.", "well", "No answer."]
    assert store.opened == 1


async def test_a_store_that_is_away_at_the_start_alone_is_told_of_too():
    store, seen = Store(away=True), []
    found = watch(store, Sweeper(NOTHING), seen)
    await found.open()
    store.away = False
    async with found.running():
        await until(lambda: len(seen) == 2)
    assert [type(one) for one in seen] == [ObjectStoreLost, ObjectStoreRegained]


async def test_a_store_that_is_there_from_the_start_is_nothing_to_tell():
    seen: list = []
    found = watch(Store(), Sweeper(NOTHING), seen)
    await found.open()
    async with found.running():
        await asyncio.sleep(0.01)
    assert seen == []


async def test_orphans_are_told_where_there_are_some_and_a_failed_sweep_is_repeated():
    seen: list = []
    sweeper = Sweeper(BackendUnavailable("Gone."), Swept(seen=9, removed=2, freed_bytes=50), NOTHING)
    store = Store()
    found = watch(store, sweeper, seen)
    await found.open()
    async with found.running():
        await until(lambda: len(sweeper.asked) > 5)
    told = [one for one in seen if not isinstance(one, ObjectStoreRegained)]
    assert told == [
        SweepFailed(error="backend_unavailable", detail="Gone."),
        OrphansCollected(seen=9, removed=2, freed_bytes=50),
    ]
    assert set(sweeper.asked) == {7}
    assert len(asyncio.all_tasks()) == 1


async def test_a_bug_is_told_and_does_not_end_the_watch():
    seen: list = []
    store, sweeper = Store(), Sweeper(LookupError("oh"), NOTHING)
    found = watch(store, sweeper, seen)
    await found.open()
    well, store.health_check = store.health_check, None  # which cannot be called
    async with found.running():
        await until(lambda: any(isinstance(one, ObjectStoreLost) for one in seen))
        store.health_check = well
        await until(lambda: any(isinstance(one, ObjectStoreRegained) for one in seen))
        await until(lambda: len(sweeper.asked) > 2)
    (lost,) = [one for one in seen if isinstance(one, ObjectStoreLost)]
    assert lost.detail.startswith("The watch over the object store met a bug: TypeError: ")
    (failed,) = [one for one in seen if isinstance(one, SweepFailed)]
    assert (failed.error, failed.detail) == (
        "internal_error",
        "The watch over the object store met a bug: LookupError: oh",
    )


async def test_where_files_are_off_there_is_nothing_to_look_after():
    found = StoreWatch(None, None, lambda: None, lambda _: None)
    await found.open()
    async with found.running():
        assert await found.health() is None
    await found.close()
