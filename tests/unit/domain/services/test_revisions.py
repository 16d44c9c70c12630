"""Revisions never repeat and never go back."""

from datetime import UTC, datetime, timedelta

from adapters.memory.revision_ceiling import MemoryRevisionCeiling
from domain.model.revisions import COUNTERS, compose, instance_of, nth, run, tick_of
from domain.services.revisions import RESERVED_AHEAD, RevisionIssuer


class MovableClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 24, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0


async def started(ceiling: MemoryRevisionCeiling, clock: MovableClock) -> RevisionIssuer:
    issuer = RevisionIssuer(ceiling, clock)
    await issuer.start()
    return issuer


async def given(issuer: RevisionIssuer, count: int) -> list[int]:
    return run(await issuer.issue(count), count)


def test_a_run_carries_from_the_counter_into_the_milliseconds_and_keeps_the_instance():
    first = compose(7, 1023, COUNTERS - 2)

    numbers = run(first, 10_000)

    assert numbers == sorted(set(numbers))
    assert {instance_of(number) for number in numbers} == {1023}
    assert numbers == [nth(first, i) for i in range(10_000)]
    assert tick_of(numbers[-1]) == 7 + (COUNTERS - 2 + 9_999) // COUNTERS


def test_the_largest_revision_fits_63_bits():
    assert compose(2**41 - 1, 1023, COUNTERS - 1) == 2**63 - 1


async def test_revisions_rise_within_one_millisecond_and_beyond_a_full_counter():
    issuer = await started(MemoryRevisionCeiling(), MovableClock())

    numbers = [n for _ in range(5) for n in await given(issuer, 3_000)]

    assert numbers == sorted(set(numbers))


async def test_revisions_rise_through_restarts_and_a_clock_set_back():
    ceiling, clock = MemoryRevisionCeiling(), MovableClock()
    numbers: list[int] = []
    for days_back in (0, 1, 400, 0):
        clock.moment = datetime(2026, 11, 24, tzinfo=UTC) - timedelta(days=days_back)
        issuer = await started(ceiling, clock)
        numbers += await given(issuer, 10_000)
        clock.moment -= timedelta(hours=1)
        numbers += await given(issuer, 10)

    assert numbers == sorted(set(numbers))


async def test_no_revision_is_given_above_what_is_durably_reserved():
    ceiling, clock = MemoryRevisionCeiling(), MovableClock()
    issuer = await started(ceiling, clock)

    for _ in range(50):
        number = (await given(issuer, 10_000))[-1]
        assert tick_of(number) < (await ceiling.load()).ceiling_tick

    assert (await ceiling.load()).ceiling_tick <= tick_of(number) + RESERVED_AHEAD + 3
