"""Quotas: who is counted as whom, and what becomes of them while the counter is away."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from adapters.memory.rate_limiter import MemoryRateLimiter
from domain.errors import Unavailable
from domain.model.access import ANYBODY, Principal, PrincipalKind
from domain.model.observations import Observation, QuotasDegraded, QuotasShared, RequestsLimited
from domain.model.quotas import Allowance, Quota, QuotaPolicy
from domain.services.quotas import MAX_REFUSED, Quotas, site_of

ANN, BOB = (Principal(kind=PrincipalKind.KEY, id=name) for name in ("ann", "bob"))


@dataclass
class World:
    """A clock that is turned by hand, a counter that may be away, and what was observed."""

    now: float = 1000.0
    is_away: bool = False
    asked: int = 0
    seen: list[Observation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._counter = MemoryRateLimiter(self.monotonic)

    def monotonic(self) -> float:
        return self.now

    def __call__(self, observation: Observation) -> None:
        self.seen.append(observation)

    async def hit(self, quota: Quota, who: str) -> Allowance:
        self.asked += 1
        if self.is_away:
            raise Unavailable("away")
        return await self._counter.hit(quota, who)


def quotas(world: World, *, shared: bool = True, **policy: int) -> Quotas:
    own = MemoryRateLimiter(world.monotonic)
    return Quotas(QuotaPolicy(**policy), own, world if shared else None, world, world)  # type: ignore[arg-type]


async def used_up(counted: Quotas, principal: Principal = ANN, session_id: str | None = None) -> bool:
    left = await counted.count(principal, session_id)
    return left is not None and left.is_used_up


async def test_a_key_has_its_quota_wherever_it_is_used_and_nobody_elses():
    world = World()
    counted = quotas(world, key_per_minute=2)
    assert [await used_up(counted) for _ in range(3)] == [False, False, True]
    assert not await used_up(counted, BOB)
    world.now += 60
    assert not await used_up(counted)


async def test_questions_about_one_session_have_a_quota_of_their_own():
    counted = quotas(World(), key_per_minute=100, session_queries_per_minute=2)
    assert [await used_up(counted, session_id="s1") for _ in range(3)] == [False, False, True]
    assert not await used_up(counted, session_id="s2")
    assert not await used_up(counted, BOB, "s1")
    left = await counted.count(ANN)
    assert left is not None
    assert left.remaining == 95  # all five of ann's count for the key


async def test_no_name_of_a_caller_and_a_session_is_that_of_two_others():
    counted = quotas(World(), session_queries_per_minute=1)
    one, other = (Principal(kind=PrincipalKind.TOKEN, id=f"sso/{name}") for name in ("urn:ann", "urn"))
    assert [await used_up(counted, one, "s1"), await used_up(counted, other, "ann:s1")] == [False, False]


async def test_the_scarcer_quota_is_told():
    counted = quotas(World(), key_per_minute=100, session_queries_per_minute=50)
    left = await counted.count(ANN, "s1")
    assert left is not None
    assert (left.quota.name, left.remaining) == ("session", 49)


async def test_where_nobody_has_to_authenticate_nothing_is_counted():
    counted = quotas(World(), key_per_minute=1, session_queries_per_minute=1)
    assert [await counted.count(ANYBODY, "s1") for _ in range(3)] == [None] * 3


async def test_zero_is_for_as_many_as_they_like():
    counted = quotas(World(), key_per_minute=0, anonymous_per_minute=0, session_queries_per_minute=0)
    assert [await counted.count(ANN, "s1") for _ in range(5)] == [None] * 5
    assert await counted.count_stranger("192.0.2.1") is None


async def test_strangers_are_counted_by_their_address():
    counted = quotas(World(), anonymous_per_minute=1)
    assert [(await counted.count_stranger("192.0.2.1")).is_used_up for _ in range(2)] == [False, True]  # type: ignore[union-attr]
    assert not (await counted.count_stranger("192.0.2.2")).is_used_up  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, ""),
        ("unix:", "unix:"),
    ],
)
def test_all_addresses_of_one_customer_are_one_stranger(address: str | None, site: str):
    assert site_of(address) == site


async def test_each_of_several_instances_takes_its_part_while_the_counter_is_away():
    world = World()
    counted = quotas(world, key_per_minute=10, instances=4)
    await counted.count(ANN)
    world.is_away = True
    assert [await used_up(counted) for _ in range(3)] == [False, False, True]
    assert [type(each) for each in world.seen] == [QuotasDegraded, RequestsLimited]
    left = await counted.count(ANN)
    assert left is not None
    assert (left.quota.limit, left.is_used_up) == (10, True)


async def test_more_instances_than_requests_still_let_one_through():
    world = World(is_away=True)
    counted = quotas(world, key_per_minute=2, instances=5)
    assert [await used_up(counted) for _ in range(2)] == [False, True]


async def test_a_counter_that_is_away_is_asked_once_a_second_and_found_again():
    world = World(is_away=True)
    counted = quotas(world, key_per_minute=1000)
    for _ in range(20):
        await counted.count(ANN)
    assert world.asked == 1
    world.now += 1.0
    await counted.count(ANN)
    assert world.asked == 2
    world.is_away = False
    world.now += 1.0
    await counted.count(ANN)
    await counted.count(ANN)
    assert world.asked == 4
    assert [type(each) for each in world.seen] == [QuotasDegraded, QuotasShared]


async def test_a_refusal_costs_no_trip_until_there_is_a_chance():
    world = World()
    counted = quotas(world, key_per_minute=1)
    for _ in range(10):
        await counted.count(ANN)
    assert world.asked == 2
    world.now += 60.1
    assert not await used_up(counted)


async def test_the_refused_do_not_fill_the_memory():
    world = World()
    counted = quotas(world, anonymous_per_minute=1)
    for number in range(MAX_REFUSED + 50):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        await counted.count_stranger(address)
        await counted.count_stranger(address)
    assert len(counted._refused) <= MAX_REFUSED


async def test_what_was_refused_while_the_counter_was_away_is_asked_again_when_it_is_back():
    world = World(is_away=True)
    counted = quotas(world, key_per_minute=4, instances=4)
    assert [await used_up(counted) for _ in range(2)] == [False, True]  # its part is one
    world.is_away, world.now = False, world.now + 2
    await used_up(counted, BOB)
    assert not await used_up(counted)


async def test_a_refusal_is_remembered_until_the_next_chance_and_no_longer():
    world = World()
    counted = quotas(world, key_per_minute=1)
    assert not await used_up(counted)
    world.now += 30
    assert await used_up(counted)
    world.now += 31
    assert not await used_up(counted)
