"""Answers from a cache are those of the store: never older than what is acknowledged, never an error of their own."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from adapters.memory.backend import MemoryBackend
from adapters.memory.cache import MemoryCache
from domain.errors import BackendUnavailable, QueryTimeout, RecordNotFound, RecordRefused, Unavailable
from domain.model.dead_letters import LetterFilter
from domain.model.observations import CacheAsked, CacheFailed, CacheLost, CacheRegained
from domain.model.query import EVERYTHING, Condition, Operator, Query, ordered
from domain.model.records import HealthStatus
from domain.model.translation import SESSIONS, TASKS
from domain.model.users import USERS
from domain.services import circuit
from domain.services.caching import Lookup, Outcome
from domain.services.registry import NamedBackend
from tests.unit.domain.services.house import FaultyBackend, House, session, task
from tests.unit.domain.services.test_sealing import Seal

SECONDS = 30.0


class AskedBackend(FaultyBackend):
    """Counts what it is asked, and holds answers back where a test says so."""

    def __init__(self) -> None:
        super().__init__(MemoryBackend())
        self.asked: list[str] = []
        self.held: asyncio.Event | None = None  # answers that are read already wait for it
        self.failure: Exception | None = None

    async def read(self, collection, key):
        return await self._answer("read", super().read(collection, key))

    async def query(self, collection, query):
        return await self._answer("query", super().query(collection, query))

    async def count_by(self, collection, field, where):
        return await self._answer("count", super().count_by(collection, field, where))

    async def _answer(self, what, work):
        self.asked.append(what)
        answer = await work
        if self.held is not None:
            await self.held.wait()
        if self.failure is not None:
            raise self.failure
        return answer


class Away:
    """A cache that fails, or hangs."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.calls = 0
        self.hangs = hangs

    async def get(self, key):
        self.calls += 1
        if self.hangs:
            await asyncio.Event().wait()
        raise Unavailable("It is away.")

    async def put(self, key, value, seconds):
        await self.get(key)

    async def health_check(self):
        return HealthStatus(healthy=False, detail="away", latency_seconds=0.0)


@pytest.fixture
async def house():
    async with House(AskedBackend()).running() as house:
        yield house


async def get(house, key="t1", *, fresh=False):
    lookup = Lookup(fresh=fresh)
    try:
        found = await house.query.get(TASKS, key, lookup)
    except RecordNotFound:
        return None, lookup.outcome
    finally:
        await asyncio.gather(*house.caching._puts)
    return found.values[TASKS.positions["source_text"]], lookup.outcome


async def texts(house, **options):
    lookup = Lookup()
    page = await house.query.find(TASKS, Query(sort=ordered(TASKS)), lookup=lookup, **options)
    await asyncio.gather(*house.caching._puts)
    return [record.values[TASKS.positions["source_text"]] for record in page.items], lookup.outcome


async def stored(house, *records, collection=TASKS):
    await house.post(*records, collection=collection)
    await house.settled()


async def test_the_second_answer_is_from_the_cache(house):
    await stored(house, task(source_text="one"))
    assert await get(house) == ("one", Outcome.MISS)
    assert await get(house) == ("one", Outcome.HIT)
    assert house.backend.asked == ["read"]
    assert [(one.level, one.outcome) for one in house.observed(CacheAsked)] == [("process", "miss"), ("process", "hit")]


async def test_that_there_is_nothing_is_an_answer_too(house):
    assert await get(house) == (None, Outcome.MISS)
    assert await get(house) == (None, Outcome.HIT)
    await house.post(task(source_text="there"))
    assert (await get(house))[0] == "there"
    await house.settled()
    assert await get(house) == ("there", Outcome.MISS)


async def test_lists_and_counts_are_cached_by_what_was_asked(house):
    await stored(house, task(source_text="one"))
    for expected in (Outcome.MISS, Outcome.HIT):
        assert await texts(house) == (["one"], expected)
        lookup = Lookup()
        assert (await house.query.count_by(TASKS, "status", EVERYTHING, lookup))["pending"] == 1
        assert lookup.outcome is expected
        await asyncio.gather(*house.caching._puts)
    other = Lookup()
    page = await house.query.find(TASKS, Query(sort=ordered(TASKS), limit=1, offset=1), lookup=other)
    assert (page.items, other.outcome) == ((), Outcome.MISS)


async def test_no_guess_of_what_was_asked_meets_the_key_of_an_answer_about_encrypted_values():
    """Who has the cache has the blind of a value in the answer, and everything else that a question is made of."""
    sealing = Seal().sealing
    ann = Condition("email", Operator.EQ, ("ann@example.org",))
    query = Query(filter=ann, sort=ordered(USERS), limit=10)
    async with House(AskedBackend(), sealing=sealing).running() as house:
        (level,) = {id(each): each for each in house.caching._levels.values()}.values()
        guessed = await house.caching._key(level, USERS, ("query", sealing.query(USERS, query)))
        for _ in range(2):
            await house.query.find(USERS, query, lookup=Lookup())
            await asyncio.gather(*house.caching._puts)
        assert house.backend.asked == ["query"]
        assert await level.cache.get(guessed.text) is None


async def test_what_waits_for_its_flush_is_seen_over_what_is_cached():
    house = House(AskedBackend())
    async with house.running(draining=False):
        assert await get(house) == (None, Outcome.MISS)
        await house.post(task(source_text="acknowledged"))
        assert await get(house) == ("acknowledged", Outcome.HIT)
        await house.post(session(), collection=SESSIONS)
        for pending in (1, 1):
            assert (await house.query.progress("s1", Lookup())).pending == pending


@pytest.mark.parametrize("change", ["write", "patch", "delete", "replay"])
async def test_every_change_ends_what_is_cached(house, change):
    if change == "replay":
        house.backend.poison["t1"] = RecordRefused("no", index=0)
    await stored(house, task(source_text="old"))
    before = (None if change == "replay" else "old", Outcome.HIT)
    await get(house)
    await texts(house)
    assert await get(house) == before
    match change:
        case "write":
            await stored(house, task(source_text="new"))
        case "patch":
            await house.changes.patch(TASKS, "t1", b'{"source_text": "new"}')
        case "delete":
            await house.changes.delete(TASKS, "t1")
            await house.settled()
        case "replay":
            house.backend.poison.clear()
            (letter,) = await house.letters.find(LetterFilter(), after=None, limit=10)
            await house.letters.replay(letter.id, None, timeout=SECONDS)
    expected = {"delete": None, "replay": "old"}.get(change, "new")
    assert await get(house) == (expected, Outcome.MISS)
    assert await texts(house) == ([expected] if expected else [], Outcome.MISS)


async def test_another_route_ends_what_is_cached(house):
    await stored(house, task(source_text="here"))
    await get(house)
    there = [NamedBackend("other", "memory", AskedBackend())]
    house.registry.replace(there, {c.name: "other" for c in house.collections})
    assert await get(house) == (None, Outcome.MISS)


async def test_an_answer_of_the_former_route_is_not_kept_for_the_new_one(house):
    await stored(house, task(source_text="here"))
    house.backend.held = asyncio.Event()
    late = asyncio.create_task(get(house))
    await until(lambda: house.backend.asked == ["read"])
    there = [NamedBackend("other", "memory", AskedBackend())]
    house.registry.replace(there, {c.name: "other" for c in house.collections})
    house.backend.held.set()
    assert await late == ("here", Outcome.MISS)
    assert await get(house) == (None, Outcome.MISS)


async def test_many_equal_questions_at_once_are_one_to_the_store(house):
    await stored(house, task(source_text="one"))
    house.backend.held = asyncio.Event()
    asking = [asyncio.create_task(get(house)) for _ in range(50)]
    await until(lambda: len(house.observed(CacheAsked)) == 50)
    asking.pop().cancel()
    house.backend.held.set()
    assert await asyncio.gather(*asking) == [("one", Outcome.MISS)] * 49
    assert house.backend.asked == ["read"]


@pytest.mark.parametrize("failure", [BackendUnavailable("gone"), QueryTimeout("slow"), RuntimeError("a bug")])
async def test_what_the_store_fails_with_reaches_all_and_is_not_kept(house, failure):
    await stored(house, task(source_text="one"))
    house.backend.failure, house.backend.held = failure, asyncio.Event()
    asking = [asyncio.create_task(get(house)) for _ in range(5)]
    await until(lambda: len(house.observed(CacheAsked)) == 5)
    house.backend.held.set()
    assert await asyncio.gather(*asking, return_exceptions=True) == [failure] * 5
    house.backend.failure = None
    assert await get(house) == ("one", Outcome.MISS)


async def test_a_value_that_was_read_before_a_flush_is_not_served_behind_it(house):
    await stored(house, task(source_text="old"))
    house.backend.held = asyncio.Event()
    late = asyncio.create_task(get(house))
    await until(lambda: house.backend.asked == ["read"])
    await stored(house, task(source_text="new"))
    house.backend.held.set()
    assert await late == ("old", Outcome.MISS)  # it began before
    assert await get(house) == ("new", Outcome.MISS)
    assert await get(house) == ("new", Outcome.HIT)


async def test_a_caller_who_wants_no_cache_gets_the_store(house):
    await stored(house, task(source_text="one"))
    await get(house)
    assert await get(house, fresh=True) == ("one", Outcome.BYPASS)
    assert await texts(house, strong=True) == (["one"], Outcome.BYPASS)
    assert house.backend.asked == ["read", "read", "query"]


async def test_changes_are_built_on_the_store_not_on_the_cache(house):
    await stored(house, task(source_text="one"))
    await get(house)
    await house.changes.patch(TASKS, "t1", b'{"source_text": "two"}')
    assert house.backend.asked == ["read", "read"]


async def test_an_answer_of_many_parts_is_a_hit_where_all_are():
    lookup = Lookup()
    assert lookup.outcome is None
    lookup.note(Outcome.HIT)
    assert lookup.outcome is Outcome.HIT
    lookup.note(Outcome.MISS)
    assert lookup.outcome is Outcome.MISS
    lookup.note(Outcome.BYPASS)
    lookup.note(Outcome.HIT)
    assert lookup.outcome is Outcome.BYPASS


@pytest.mark.parametrize("place", ["cache", "generations"])
@pytest.mark.parametrize("hangs", [False, True])
async def test_what_is_away_costs_one_call_now_and_then(monkeypatch, place, hangs):
    house = House(AskedBackend())
    away, now = Away(hangs=hangs), 1000.0
    away.of = away.get
    monkeypatch.setattr(house.clock, "monotonic", lambda: now)
    async with house.running():
        await stored(house, task(source_text="one"))
        if place == "cache":
            caching = house.cached_in(away)
            (_, lost) = (caching._asking, next(iter(caching._levels.values())).circuit)
        else:
            caching = house.cached_in(MemoryCache(10, 100_000, house.clock.monotonic), away)
            lost = caching._asking
        lost._seconds = 0.01
        house.query._caching = caching
        for _ in range(20):
            assert await get(house) == ("one", Outcome.BYPASS)
        assert away.calls == 1
        now += circuit.REST_SECONDS
        assert await get(house) == ("one", Outcome.BYPASS)
        assert (away.calls, len(house.observed(CacheLost)), len(house.observed(CacheFailed))) == (2, 1, 2)
        assert lost.trouble == ("It did not answer within 10 ms." if hangs else "It is away.")
        await caching.close()


async def test_what_is_back_is_used_again(monkeypatch, house):
    await stored(house, task(source_text="one"))
    now = 1000.0
    monkeypatch.setattr(house.clock, "monotonic", lambda: now)
    asking = house.caching._asking
    house.caching._generations, counted = Away(), house.caching._generations
    house.caching._generations.of = house.caching._generations.get
    assert await get(house) == ("one", Outcome.BYPASS)
    house.caching._generations = counted
    assert await get(house) == ("one", Outcome.BYPASS)
    now += circuit.REST_SECONDS
    assert await get(house) == ("one", Outcome.MISS)
    assert (asking.trouble, len(house.observed(CacheRegained))) == (None, 1)


async def test_a_generation_that_is_not_known_is_none(house):
    class Unknown:
        async def of(self, lane):
            return None

    house.query._caching = house.cached_in(MemoryCache(10, 100_000, house.clock.monotonic), Unknown())
    assert await get(house) == (None, Outcome.BYPASS)


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x93\x01\x02\x03", b"not from here", b"\x81\xa6record\x05"])
async def test_what_cannot_be_read_is_asked_for_anew(house, content):
    class Strange(MemoryCache):
        async def get(self, key):
            return content

    await stored(house, task(source_text="one"))
    house.query._caching = house.cached_in(Strange(10, 100_000, house.clock.monotonic))
    assert await get(house) == ("one", Outcome.MISS)


class Jittery(AskedBackend):
    """Its calls take a while, before and behind the look at the tables."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random

    async def _answer(self, what, work):
        await self.pause()
        answer = await work
        await self.pause()
        return answer

    async def write(self, collection, records, *, verdicts=False):
        await self.pause()
        result = await super().write(collection, records, verdicts=verdicts)
        await self.pause()
        return result

    async def pause(self):
        for _ in range(self._random.randrange(6)):
            await asyncio.sleep(0)


class SlowGenerations:
    """Told over a network: a while passes on both ways."""

    def __init__(self, counted, pause) -> None:
        self._counted = counted
        self._pause = pause

    async def of(self, lane):
        await self._pause()
        found = await self._counted.of(lane)
        await self._pause()
        return found


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_the_order_nobody_reads_what_is_older_than_acknowledged(seed):
    random = Random(seed)
    backend = Jittery(random)
    house = House(backend)
    acknowledged, applied, hits = 0, 0, 0

    async def write():
        nonlocal acknowledged, applied
        for number in range(1, 60):
            await house.post(task(source_text=str(number)))
            acknowledged = number
            await backend.pause()
            if random.random() < 0.5:
                await house.settled()
                applied = number

    async def read():
        nonlocal hits
        while acknowledged < 59:
            least, outcome = acknowledged, None
            text, outcome = await get(house)
            assert int(text or 0) >= least
            hits += outcome is Outcome.HIT

    async def read_lists():
        nonlocal hits
        while acknowledged < 59:
            least = applied
            found, outcome = await texts(house)
            assert int((found or ["0"])[0]) >= least
            hits += outcome is Outcome.HIT

    async with house.running():
        slow = SlowGenerations(house.counted, backend.pause)
        house.query._caching = house.caching = house.cached_in(MemoryCache(50, 100_000, house.clock.monotonic), slow)
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(write(), *[read() for _ in range(4)], *[read_lists() for _ in range(4)])
    assert hits


async def until(condition):
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)
