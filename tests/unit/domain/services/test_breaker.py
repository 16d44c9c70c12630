"""The circuit breaker: opens, probes, closes; whoever shares it waits and is woken."""

import asyncio

import pytest

from domain.errors import BackendContended, BackendUnavailable, SchemaMismatch
from domain.model.built_in import BUILT_IN
from domain.model.observations import BackendLost, BackendRegained, FlushFailed
from domain.model.policies import BufferPolicy
from domain.model.records import HealthStatus
from domain.model.translation import SESSIONS, TASKS
from domain.services import breaker as module
from domain.services.breaker import FAILURES, CircuitBreaker
from tests.unit.domain.services.house import House, SteppingClock, session, task


class Backend:
    """Counts its probes; is as well as it is told to be."""

    def __init__(self) -> None:
        self.well = False
        self.probes = 0
        self.go = asyncio.Event()
        self.go.set()

    async def probe(self) -> HealthStatus:
        self.probes += 1
        await self.go.wait()
        return HealthStatus(healthy=self.well, detail="refused", latency_seconds=0)


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.005)


@pytest.fixture
def seen() -> list:
    return []


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def breaker(backend, seen) -> CircuitBreaker:
    return CircuitBreaker("main", backend.probe, lambda: ["tasks"], seen.append, SteppingClock())


async def fail(breaker, error=None):
    error = error or BackendUnavailable("gone")
    with pytest.raises(type(error)):
        async with breaker.passage():
            raise error


async def open_it(breaker):
    for _ in range(FAILURES):
        await fail(breaker)


async def until(condition):
    while not condition():  # noqa: ASYNC110  (nothing tells)
        await asyncio.sleep(0.001)


async def succeed(breaker):
    async with breaker.passage():
        pass


async def test_it_opens_after_as_many_transient_failures_in_a_row_and_not_before(breaker, seen):
    for _ in range(FAILURES - 1):
        await fail(breaker)
    await succeed(breaker)
    for _ in range(FAILURES - 1):
        await fail(breaker)
    assert (breaker.is_open, seen) == (False, [])

    await fail(breaker)
    assert (breaker.is_open, breaker.trouble) == (True, "gone")
    assert seen == [BackendLost(backend="main", collections=("tasks",), detail="gone")]


@pytest.mark.parametrize("answer", [BackendContended(), SchemaMismatch()])
async def test_a_backend_that_answers_is_not_away_whatever_it_says(breaker, answer):
    for _ in range(FAILURES - 1):
        await fail(breaker)
    await fail(breaker, answer)
    await fail(breaker)
    assert not breaker.is_open


async def test_a_bug_counts_as_an_outage(breaker):
    for _ in range(FAILURES):
        await fail(breaker, ZeroDivisionError("whoops"))
    assert breaker.trouble == "ZeroDivisionError: whoops"


async def test_while_it_is_open_only_probes_reach_the_backend_one_at_a_time(breaker, backend):
    await open_it(breaker)
    backend.go.clear()
    passed = []

    async def pass_through():
        await succeed(breaker)
        passed.append(1)

    waiting = [asyncio.create_task(pass_through()) for _ in range(5)]
    await asyncio.sleep(0.05)
    assert (backend.probes, passed) == (1, [])
    backend.go.set()
    await until(lambda: backend.probes > 3)
    assert passed == []
    assert breaker.trouble == "refused"

    backend.well = True
    await asyncio.gather(*waiting)
    assert len(passed) == 5


async def test_the_first_one_through_goes_alone_and_its_failure_keeps_it_open(breaker, backend, seen):
    await open_it(breaker)
    backend.well = True
    inside, most, failures = 0, 0, [BackendUnavailable("read-only")] * 3

    async def write():
        nonlocal inside, most
        while True:
            try:
                async with breaker.passage():
                    inside += 1
                    most = max(most, inside) if breaker.is_open else most
                    await asyncio.sleep(0.002)
                    inside -= 1
                    if failures:
                        raise failures.pop()
                    return
            except BackendUnavailable:
                continue

    await asyncio.gather(*[write() for _ in range(4)])
    assert (most, failures, breaker.is_open) == (1, [], False)
    assert [type(each) for each in seen] == [BackendLost, BackendRegained]


async def test_who_is_cancelled_ahead_of_the_others_leaves_the_way_to_them(breaker, backend):
    await open_it(breaker)
    backend.well = True
    entered = asyncio.Event()

    async def hang():
        async with breaker.passage():
            entered.set()
            await asyncio.Event().wait()

    hanging = asyncio.create_task(hang())
    await entered.wait()
    following = asyncio.create_task(succeed(breaker))
    await asyncio.sleep(0.02)
    assert not following.done()
    hanging.cancel()
    await following
    assert not breaker.is_open


async def test_all_lanes_of_a_backend_wait_for_one_probe_and_lose_nothing():
    house = House(policy=BufferPolicy(linger_seconds=0.001))
    healthy = house.backend.health_check

    async def sick():
        return HealthStatus(healthy=False, detail="refused", latency_seconds=0)

    house.backend.health_check = sick
    house.backend.errors = [BackendUnavailable("gone") for _ in range(FAILURES)]
    async with house.running():
        await house.post(*(task(f"t{i}") for i in range(10)))
        await until(lambda: house.observed(BackendLost))
        await house.post(session("s1"), collection=SESSIONS)
        await asyncio.sleep(0.1)
        states = house.flush.states()
        assert [(state.lost, state.last_error) for state in states.values()] == [(True, "refused")] * len(BUILT_IN)
        assert house.backend.tries == FAILURES
        assert len(house.observed(FlushFailed)) == FAILURES

        house.backend.health_check = healthy
        await house.settled()
        assert await house.backend.read(TASKS, "t9")
        assert await house.backend.read(SESSIONS, "s1")
        assert not any(state.lost or state.last_error for state in house.flush.states().values())
        assert not await house.dead_letters.find(limit=1)
    (lost,) = house.observed(BackendLost)
    assert set(lost.collections) == {collection.name for collection in BUILT_IN}
