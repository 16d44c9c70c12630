"""The index follows what the backend has stored, waits for nobody, and delays nobody."""

from __future__ import annotations

import asyncio
import json

import pytest

from adapters.memory.backend import MemoryBackend
from adapters.memory.search_index import MemorySearchIndex
from adapters.memory.write_buffer import MemoryWriteBuffer
from domain.errors import BackendUnavailable, RecordRefused, SearchIncomplete
from domain.model.built_in import BUILT_IN
from domain.model.frames import FrameDraft
from domain.model.observations import (
    SearchIndexBehind,
    SearchIndexFilled,
    SearchIndexLost,
    SearchIndexRegained,
    SearchMeasured,
)
from domain.model.records import Record
from domain.model.search import IndexPosition, SearchQuery
from domain.model.translation import TASKS
from domain.services import search_feed as module
from domain.services.ending import ended
from domain.services.registry import NamedBackend, StorageBackendRegistry
from domain.services.schema import Schemas
from domain.services.search_feed import READER, SearchFeed
from tests.unit.domain.services.house import START, SteppingClock, task

LANE = TASKS.name
LAG = 10_000  # bytes


class FaultyIndex(MemorySearchIndex):
    """An index that a test takes away."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.cleared = 0
        self.refused: set[str] = set()

    async def position(self, collection, origin):
        self._check()
        return await super().position(collection, origin)

    async def clear(self, collection):
        self._check()
        self.cleared += 1
        await super().clear(collection)

    async def index(self, collection, records, position=None):
        self._check()
        if any(record.key in self.refused for record in records):
            raise RecordRefused("It is no number.")
        await super().index(collection, records, position)

    def _check(self):
        if self.error is not None:
            raise self.error


class Rig:
    """A log, a backend that a test writes, an index, and the feed between them."""

    def __init__(self) -> None:
        self.schemas = Schemas(BUILT_IN)
        self.log = MemoryWriteBuffer([LANE], readers=("primary", READER))
        self.backend = MemoryBackend()
        self.index = FaultyIndex()
        self.seen = []
        routes = dict.fromkeys([collection.name for collection in BUILT_IN], "main")
        named = [NamedBackend("main", "memory", self.backend)]
        self.registry = StorageBackendRegistry(named, routes, BUILT_IN, lambda _: None, SteppingClock())
        self.tasks = []
        self.revision = 0
        self.origin = ""
        self.feed = self.start()

    def start(self, origin="7"):
        self.origin = origin
        feed = SearchFeed(
            *(TASKS, self.schemas.of(LANE), self.log, self.index, self.registry, self.seen.append, lambda: self.origin),
            max_lag_bytes=LAG,
        )
        self.tasks.append(asyncio.create_task(feed.run()))
        return feed

    def turn(self, backend, origin):
        """The route to another backend, as a reload does."""
        self.backend = backend
        routes = dict.fromkeys([collection.name for collection in BUILT_IN], "other")
        self.registry.replace([NamedBackend("other", "memory", backend)], routes)
        self.origin = origin

    async def stop(self):
        await ended(*self.tasks)
        self.tasks.clear()

    async def accept(self, *records) -> int:
        self.revision += 1000
        payload = json.dumps(records).encode()
        draft = FrameDraft(accepted_at=START, first_revision=self.revision, count=len(records), payload=payload)
        return (await self.log.append(LANE, draft)).last

    async def store(self, *, refused=()):
        """What the drain does."""
        done = (await self.log.depth(LANE)).committed
        for frame in await self.log.read(LANE, 0, done, max_bytes=10**9, wait_seconds=0):
            records = [each for each in self.schemas.of(LANE).records(frame) if each.key not in refused]
            await self.backend.write(TASKS, records)
            await self.log.commit(LANE, 0, "primary", frame.last)

    async def write(self, *records) -> int:
        last = await self.accept(*records)
        await self.store()
        return last

    async def found(self, word) -> list[str]:
        return [hit.key for hit in (await self.index.search(TASKS, SearchQuery(words=(word,), limit=100))).hits]

    def told(self, kind):
        return [each for each in self.seen if isinstance(each, kind)]

    async def until(self, holds):
        async with asyncio.timeout(30):
            while not (await holds() if asyncio.iscoroutinefunction(holds) else holds()):  # noqa: ASYNC110
                await asyncio.sleep(0.005)  # no event tells

    async def until_is(self, state):
        async def holds():
            return (await self.feed.state()).state == state

        await self.until(holds)


@pytest.fixture
async def rig(monkeypatch):
    for name, seconds in (
        ("_IDLE_SECONDS", 0.05),
        ("_GLANCE", 0.01),
        ("_GIVEN_UP_SECONDS", 0.02),
        ("_PAUSES", (0.01,)),
    ):
        monkeypatch.setattr(module, name, seconds)
    rig = Rig()
    yield rig
    await rig.stop()
    await rig.log.close()


async def test_a_new_index_is_filled_and_then_follows(rig):
    await rig.stop()
    rig.index, rig.seen = FaultyIndex(), []
    await rig.write(*[task(f"t{i}", source_text="old word") for i in range(2500)])
    rig.feed = rig.start()
    await rig.until(lambda: rig.told(SearchIndexFilled))
    assert [(told.collection, told.records) for told in rig.told(SearchIndexFilled)] == [(LANE, 2500)]
    last = await rig.write(task("new", source_text="new word"))
    await asyncio.wait_for(rig.feed.reach(last), 30)
    assert await rig.found("new") == ["new"]
    assert len(await rig.found("word")) == 100
    assert (await rig.feed.state()).records == 0
    assert rig.told(SearchMeasured)[-1] == SearchMeasured(collection=LANE, records=0, complete=True)


async def test_what_is_not_stored_is_not_shown(rig):
    last = await rig.write(task("a", source_text="first word"))
    await asyncio.wait_for(rig.feed.reach(last), 30)
    last = await rig.accept(task("b", source_text="second word"), task("bad", source_text="third word"))
    await asyncio.sleep(0.2)  # many looks: they find it in the log and leave it there
    assert await rig.found("word") == ["a"]
    await rig.store(refused=("bad",))
    await asyncio.wait_for(rig.feed.reach(last), 30)
    assert sorted(await rig.found("word")) == ["a", "b"]


async def test_an_index_that_is_away_delays_nobody_and_misses_nothing(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    rig.index.error = BackendUnavailable("The index is away.")
    last = await rig.write(task("b", source_text="word"))
    await rig.until(lambda: rig.told(SearchIndexLost))
    state = await rig.feed.state()
    assert (state.state, state.records, state.last_error) == ("following", 1, "The index is away.")
    rig.index.error = None
    await asyncio.wait_for(rig.feed.reach(last), 30)
    assert sorted(await rig.found("word")) == ["a", "b"]
    assert (len(rig.told(SearchIndexLost)), len(rig.told(SearchIndexRegained))) == (1, 1)
    assert (await rig.feed.state()).last_error is None


async def test_an_index_that_comes_back_is_told_of_though_nothing_is_written(rig):
    await rig.write(task("a"))
    await rig.until(lambda: rig.told(SearchMeasured))
    await rig.stop()
    rig.index.error = BackendUnavailable("The index is away.")
    rig.feed = rig.start()
    await rig.until(lambda: rig.told(SearchIndexLost))
    rig.index.error = None

    await rig.until(lambda: rig.told(SearchIndexRegained))

    assert (await rig.feed.state()).last_error is None


async def test_a_bug_in_an_index_does_not_end_the_feed(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    rig.index.error = ZeroDivisionError("an odd record")
    last = await rig.write(task("b", source_text="word"))
    await rig.until(lambda: rig.told(SearchIndexLost))
    assert rig.told(SearchIndexLost)[0].detail == "ZeroDivisionError: an odd record"
    rig.index.error = None
    await asyncio.wait_for(rig.feed.reach(last), 30)


async def test_an_index_that_is_away_for_too_long_lets_the_log_go(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    rig.index.error = BackendUnavailable("The index is away.")
    last = await rig.write(*[task(f"t{i}", source_text="word" * 10) for i in range(200)])
    await rig.until_is("rebuild")
    assert [told.records for told in rig.told(SearchIndexBehind)] == [200]
    assert (await rig.log.depth(LANE, READER)).committed == last
    rig.index.error = None
    await rig.write(task("later", source_text="word"))
    with pytest.raises(SearchIncomplete, match="persistence search rebuild"):
        rig.feed.check()

    async def freed():
        return not (await rig.log.depth(LANE, READER)).records

    await rig.until(freed)  # and goes on letting it go, while nobody has asked for a rebuild
    rig.feed.rebuild()
    await rig.until_is("following")
    rig.feed.check()
    assert (await rig.index.search(TASKS, SearchQuery(words=("word",)))).total == 202
    assert (rig.index.cleared, len(rig.told(SearchIndexFilled))) == (1, 2)


async def test_an_index_that_is_too_slow_lets_the_log_go(rig, monkeypatch):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    await rig.stop()
    monkeypatch.setattr(module, "_PORTION_BYTES", 1)  # a frame at a time
    for number in range(100):
        last = await rig.accept(task(f"t{number}", source_text="word" * 100))
    await rig.store()
    rig.feed = rig.start()
    await rig.until_is("rebuild")
    assert len(rig.told(SearchIndexBehind)) == 1
    assert (await rig.log.depth(LANE, READER)).committed == last
    rig.feed.rebuild()
    await rig.until_is("following")
    assert (await rig.index.search(TASKS, SearchQuery(words=("word",)))).total == 101


async def test_the_next_run_goes_on_where_this_one_ended(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    await rig.stop()
    last = await rig.write(task("b", source_text="word"))
    rig.feed = rig.start()
    await asyncio.wait_for(rig.feed.reach(last), 30)
    assert sorted(await rig.found("word")) == ["a", "b"]
    assert len(rig.told(SearchIndexFilled)) == 1


@pytest.mark.parametrize("position", [IndexPosition("7", 0), IndexPosition("7", 9), IndexPosition("7", None)])
async def test_a_position_that_the_log_has_not_any_more_asks_for_a_rebuild(rig, position):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    await rig.stop()
    await rig.index.index(TASKS, [], position)
    rig.feed = rig.start()
    await rig.until_is("rebuild")

    async def marked():  # for whoever else searches the index
        return await rig.index.position(TASKS, "7") == IndexPosition("7", None)

    await rig.until(marked)
    rig.feed.rebuild()
    await rig.until_is("following")
    assert await rig.index.position(TASKS, "7") == IndexPosition("7", 1)


async def test_an_index_that_followed_another_log_is_filled(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    await rig.stop()
    await rig.write(task("b", source_text="word"))
    rig.feed = rig.start(origin="8")
    await rig.until(lambda: len(rig.told(SearchIndexFilled)) == 2)
    assert (sorted(await rig.found("word")), rig.index.cleared) == (["a", "b"], 0)
    assert await rig.index.position(TASKS, "8") == IndexPosition("8", 2)


async def test_an_index_that_refuses_a_record_is_not_searched_until_it_is_made_anew(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    rig.index.refused = {"bad"}
    await rig.write(task("bad", source_text="word"))
    await rig.write(task("b", source_text="word"))
    await rig.until_is("rebuild")
    with pytest.raises(SearchIncomplete, match="persistence search rebuild"):
        rig.feed.check()
    assert (await rig.feed.state()).last_error == "It is no number."
    assert await rig.index.position(TASKS, "7") == IndexPosition("7", None)  # for whoever else searches the index
    rig.index.refused = set()
    rig.feed.rebuild()
    await rig.until_is("following")
    assert sorted(await rig.found("word")) == ["a", "b", "bad"]


async def test_an_index_is_filled_from_the_backend_that_a_route_has_turned_to(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    first, other = rig.backend, MemoryBackend()
    record = (await first.read(TASKS, "a")).values
    await other.write(TASKS, [(await first.read(TASKS, "a"))])
    await other.write(TASKS, [Record(("b", *record[1:]), START, START, 7)])  # that no log ever had
    rig.turn(other, "7@other")
    await rig.until(lambda: len(rig.told(SearchIndexFilled)) == 2)
    assert (sorted(await rig.found("word")), rig.index.cleared) == (["a", "b"], 0)
    last = await rig.write(task("c", source_text="word"))
    await asyncio.wait_for(rig.feed.reach(last), 30)

    rig.turn(first, "7")  # and back, where nothing followed meanwhile
    await rig.until(lambda: len(rig.told(SearchIndexFilled)) == 3)
    await rig.until_is("following")
    last = await rig.write(task("d", source_text="word"))
    await asyncio.wait_for(rig.feed.reach(last), 30)
    assert sorted(await rig.found("word")) == ["a", "b", "c", "d"]
    assert await rig.index.position(TASKS, "7") == IndexPosition("7", last)


async def test_a_rebuild_that_the_index_was_away_for_is_not_forgotten(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    rig.index.error = BackendUnavailable("The index is away.")
    rig.feed.rebuild()
    await rig.until(lambda: rig.told(SearchIndexLost))
    rig.index.error = None
    await rig.until_is("following")
    assert (rig.index.cleared, len(rig.told(SearchIndexFilled))) == (1, 2)


async def test_a_fill_that_was_broken_off_begins_anew(rig):
    await rig.stop()
    await rig.write(*[task(f"t{i}", source_text="word") for i in range(1500)])
    await rig.index.clear(TASKS)
    cleared, taken = rig.index.cleared, rig.index.index

    async def once(collection, records, position=None):
        await taken(collection, records, position)
        rig.index.error, rig.index.index = BackendUnavailable("gone"), taken

    rig.index.index = once
    rig.feed = rig.start()
    await rig.until(lambda: rig.told(SearchIndexLost))
    await rig.write(task("meanwhile", source_text="word"))
    with pytest.raises(SearchIncomplete, match="being filled"):
        rig.feed.check()
    rig.index.error = None
    await rig.until_is("following")
    assert rig.index.cleared == cleared
    assert (await rig.index.search(TASKS, SearchQuery(words=("word",)))).total == 1501


async def test_a_rebuild_is_heeded_while_nothing_is_written(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    rig.index._tables.clear()
    assert await rig.found("word") == []
    rig.feed.rebuild()
    await rig.until_is("following")
    assert await rig.found("word") == ["a"]


async def test_a_rebuild_that_was_asked_for_outlasts_a_failure(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    rig.index._tables.clear()
    clear = rig.index.clear

    async def refused(collection):
        rig.index.clear = clear
        raise BackendUnavailable("The index is away.")

    rig.index.clear = refused
    rig.feed.rebuild()
    await rig.until(lambda: rig.told(SearchIndexLost))
    await rig.until_is("following")
    assert await rig.found("word") == ["a"]


async def test_what_is_stored_between_two_looks_is_indexed(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    await rig.stop()
    read = rig.log.read
    last = 0

    async def slowly(*args, **kwargs):
        nonlocal last
        frames = await read(*args, **kwargs)
        if not frames and not last and kwargs["wait_seconds"]:
            last = await rig.write(task("b", source_text="word"))
        return frames

    rig.log.read = slowly
    rig.feed = rig.start()
    await rig.until(lambda: last)
    await asyncio.wait_for(rig.feed.reach(last), 30)
    assert sorted(await rig.found("word")) == ["a", "b"]


async def test_what_the_backend_has_not_taken_is_no_lag_of_the_index(rig):
    await asyncio.wait_for(rig.feed.reach(await rig.write(task("a", source_text="word"))), 30)
    first = await rig.accept(task("b", source_text="word"))
    last = await rig.accept(*[task(f"t{i}", source_text="word" * 100) for i in range(100)])
    (frame, *_) = await rig.log.read(LANE, 0, first - 1, max_bytes=1, wait_seconds=0)
    await rig.backend.write(TASKS, rig.schemas.of(LANE).records(frame))
    rig.seen.clear()
    await rig.log.commit(LANE, 0, "primary", first)
    await rig.until(lambda: rig.told(SearchMeasured))
    assert rig.told(SearchMeasured)[0] == SearchMeasured(collection=LANE, records=0, complete=True)
    await rig.store()
    await asyncio.wait_for(rig.feed.reach(last), 30)
