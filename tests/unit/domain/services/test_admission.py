"""Backpressure: the marks in bytes and age, whom the soft one meets, and how long a client shall wait."""

import json
from datetime import timedelta

import pytest

from domain.errors import BufferFull, PayloadTooLarge, SlowDown
from domain.model.built_in import BUILT_IN
from domain.model.origin import Origin
from domain.model.policies import BufferPolicy
from domain.model.translation import SESSIONS, TASKS
from domain.services.admission import LONGEST_WAIT, SHORTEST_WAIT, Admission, DrainRate
from domain.services.replay import PendingLane
from domain.services.schema import Schemas
from tests.unit.domain.services.house import START, House, session, task

POLICY = BufferPolicy(max_bytes=1_000_000, lane_share=0.8, soft_share=0.5, soft_age_seconds=60, hard_age_seconds=600)
GREEDY, MODEST = Origin(peer="192.0.2.1"), Origin(peer="192.0.2.2")


class Moment:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def lanes() -> dict[str, PendingLane]:
    schemas = Schemas(BUILT_IN)
    return {c.name: PendingLane(c, schemas.of(c.name)) for c in BUILT_IN}


@pytest.fixture
def lane(lanes) -> PendingLane:
    return lanes[TASKS.name]


@pytest.fixture
def admission(lanes, moment) -> Admission:
    return Admission(lanes.values(), POLICY, moment)


def wait_with(admission, lane, origin, weight):
    """Let so much wait on behalf of a client."""
    admission.shares.take(origin.sender, weight)
    lane.in_flight += weight


def verdict(admission, lane, origin, weight=1000, now=START):
    try:
        admission.check(lane, weight, origin, now)
    except (BufferFull, SlowDown) as error:
        return error.code
    return "taken"


def test_above_the_soft_mark_only_the_heaviest_client_is_turned_away(admission, lane):
    wait_with(admission, lane, GREEDY, 390_000)
    wait_with(admission, lane, MODEST, 5_000)
    assert verdict(admission, lane, GREEDY) == "taken"
    wait_with(admission, lane, GREEDY, 10_000)
    assert verdict(admission, lane, GREEDY) == "slow_down"
    assert verdict(admission, lane, MODEST) == "taken"
    assert verdict(admission, lane, Origin(peer="192.0.2.3")) == "taken"


def test_a_principal_is_one_client_wherever_it_calls_from(admission, lane):
    wait_with(admission, lane, Origin(principal="batch", peer="192.0.2.1"), 410_000)
    assert verdict(admission, lane, Origin(principal="batch", peer="192.0.2.9")) == "slow_down"
    assert verdict(admission, lane, Origin(principal="other", peer="192.0.2.1")) == "taken"


def test_what_a_former_run_left_is_nobodys(admission, lane):
    lane.unseen = 600_000
    assert verdict(admission, lane, GREEDY) == "taken"
    wait_with(admission, lane, GREEDY, 1_000)
    assert verdict(admission, lane, GREEDY) == "slow_down"
    assert verdict(admission, lane, MODEST) == "taken"


def test_the_soft_mark_lets_go_only_well_below_itself(admission, lane):
    wait_with(admission, lane, GREEDY, 410_000)
    assert verdict(admission, lane, GREEDY) == "slow_down"
    lane.in_flight = 365_000
    assert verdict(admission, lane, GREEDY) == "slow_down"
    lane.in_flight = 355_000
    assert verdict(admission, lane, GREEDY) == "taken"


def test_above_the_hard_mark_nobody_is_taken_until_it_is_well_below(admission, lane, lanes):
    wait_with(admission, lane, GREEDY, 799_500)
    assert verdict(admission, lane, MODEST) == "buffer_full"
    assert verdict(admission, lane, MODEST, weight=1) == "buffer_full"
    assert verdict(admission, lanes[SESSIONS.name], MODEST) == "taken", "another collection has room of its own"
    lane.in_flight = 730_000
    assert verdict(admission, lane, MODEST, weight=1) == "buffer_full"
    lane.in_flight = 715_000
    assert verdict(admission, lane, MODEST, weight=1) == "taken"


def test_a_frame_that_was_too_large_for_the_moment_is_taken_when_there_is_room(admission, lane):
    wait_with(admission, lane, GREEDY, 700_000)
    assert verdict(admission, lane, MODEST, weight=790_000) == "buffer_full"
    lane.in_flight = 0
    assert verdict(admission, lane, MODEST, weight=790_000) == "taken"
    with pytest.raises(PayloadTooLarge):
        admission.check(lane, 800_001, MODEST, START)


def test_all_collections_together_have_a_bound(admission, lane, lanes):
    wait_with(admission, lane, GREEDY, 600_000)
    wait_with(admission, lanes[SESSIONS.name], GREEDY, 399_500)
    assert verdict(admission, lane, MODEST) == "buffer_full"


@pytest.mark.parametrize(
    ("age", "greedy", "modest"),
    [(59, "taken", "taken"), (61, "slow_down", "taken"), (601, "buffer_full", "buffer_full")],
)
def test_age_counts_as_bytes_do(admission, lane, age, greedy, modest):
    wait_with(admission, lane, GREEDY, 1_000)
    wait_with(admission, lane, MODEST, 500)
    lane.unseen, lane.unseen_since = 1, START
    now = START + timedelta(seconds=age)
    assert (verdict(admission, lane, GREEDY, now=now), verdict(admission, lane, MODEST, now=now)) == (greedy, modest)


def test_the_age_marks_have_hysteresis_too(admission, lane):
    lane.unseen, lane.unseen_since = 1, START
    ages = [(601, "buffer_full"), (545, "buffer_full"), (535, "taken")]
    for age, expected in ages:
        assert verdict(admission, lane, MODEST, now=START + timedelta(seconds=age)) == expected


def test_frames_leave_the_account_of_their_client_with_the_watermark(admission, lane):
    shares = admission.shares
    for last, origin in ((20, MODEST), (10, GREEDY), (30, GREEDY)):  # answers may overtake each other
        wait_with(admission, lane, origin, 410_000)
        shares.placed(TASKS.name, last, origin.sender, 410_000)
    assert shares.is_heaviest(GREEDY.sender)
    admission.applied(lane, 10, 410_000)
    assert shares.is_heaviest(GREEDY.sender)
    assert shares.is_heaviest(MODEST.sender)
    admission.applied(lane, 30, 820_000)
    assert not shares.is_heaviest(GREEDY.sender)
    wait_with(admission, lane, GREEDY, 1)
    shares.placed(TASKS.name, 25, GREEDY.sender, 1)  # the flush was faster than the answer
    assert not shares.is_heaviest(GREEDY.sender)


def test_a_client_is_told_to_wait_as_long_as_the_drain_will_take(moment):
    rate = DrainRate(moment)
    for _ in range(600):
        moment.seconds += 0.1
        rate.drained(100_000)
    assert rate.now == pytest.approx(1_000_000, rel=0.05)
    assert rate.wait(5_000_000) == pytest.approx(5, rel=0.05)
    assert rate.wait(-1) == rate.wait(10) == SHORTEST_WAIT
    assert rate.wait(10**9) == LONGEST_WAIT
    moment.seconds += 300
    assert rate.now < 1
    assert SHORTEST_WAIT < rate.wait(1) < LONGEST_WAIT, "nobody knows how long an outage lasts"


async def test_a_greedy_client_meets_the_mark_first_and_is_taken_again_when_its_records_are_stored():
    house = House(policy=BufferPolicy(max_bytes=60_000, linger_seconds=0.001))
    body = b"[%s]"

    def batch(record, count):
        return body % b",".join(json.dumps(record(f"k{i}")).encode() for i in range(count))

    async def fill(**options):
        while True:
            await house.buffer.accept(TASKS, batch(task, 5), **options)

    async with house.running(draining=False):
        with pytest.raises(SlowDown) as refused:
            await fill(origin=GREEDY)
        assert refused.value.retry_after >= SHORTEST_WAIT
        await house.buffer.accept(TASKS, batch(task, 5), origin=MODEST)
        await house.buffer.accept(SESSIONS, batch(session, 5), origin=MODEST)
        with pytest.raises(BufferFull):
            await fill()
        await house.flush.start()
        await house.settled()
        await house.buffer.accept(TASKS, batch(task, 5), origin=GREEDY)
