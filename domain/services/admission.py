"""Backpressure: whether one more frame is taken, by what waits, for how long, and who sent it."""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime

from domain.errors import BufferFull, PayloadTooLarge, SlowDown
from domain.model.origin import Origin
from domain.model.policies import BufferPolicy
from domain.services.replay import PendingLane

RELEASE = 0.9  # of a mark: below it, what was refused above the mark is taken again
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds that a client is told to stay away
_MEMORY = 10.0  # seconds after which a drained byte counts for a third in the rate


class DrainRate:
    """Bytes a second that leave a lane, lately."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._rate = 0.0
        self._seen = monotonic()

    def drained(self, weight: int) -> None:
        """So much has left just now."""
        self._rate = self.now + weight / _MEMORY
        self._seen = self._monotonic()

    @property
    def now(self) -> float:
        """Bytes a second; falls towards 0 while nothing leaves."""
        return self._rate * math.exp((self._seen - self._monotonic()) / _MEMORY)

    def wait(self, excess: float) -> float:
        """Seconds after which so many bytes have left, as far as it makes sense to say."""
        rate = self.now
        return min(LONGEST_WAIT, max(SHORTEST_WAIT, excess / rate)) if rate > 1 else LONGEST_WAIT / 3


class ClientShares:
    """What waits, by who sent it; a former run's frames are nobody's."""

    def __init__(self, lanes: Iterable[str]) -> None:
        self._weights: Counter[str] = Counter()
        self._placed: dict[str, deque[tuple[int, str, int]]] = {lane: deque() for lane in lanes}  # by last record
        self._applied = dict.fromkeys(self._placed, 0)

    def take(self, client: str, weight: int) -> None:
        """A frame is on its way to the log."""
        self._weights[client] += weight

    def give_back(self, client: str, weight: int) -> None:
        """A frame waits no more, or never arrived."""
        self._weights[client] -= weight
        if self._weights[client] <= 0:
            del self._weights[client]

    def placed(self, lane: str, last: int, client: str, weight: int) -> None:
        """A frame stands in the log; ``last``: its last record."""
        if last <= self._applied[lane]:
            self.give_back(client, weight)
        else:
            insort(self._placed[lane], (last, client, weight))  # at the end, nearly always

    def applied(self, lane: str, through: int) -> None:
        """Records up to ``through`` are stored."""
        self._applied[lane] = max(through, self._applied[lane])
        waiting = self._placed[lane]
        while waiting and waiting[0][0] <= through:
            _, client, weight = waiting.popleft()
            self.give_back(client, weight)

    def is_heaviest(self, client: str) -> bool:
        """Whether nobody has more waiting."""
        return client != "" and client in self._weights and self._weights[client] >= max(self._weights.values())


class Admission:
    """The marks. Above the soft one the heaviest client is asked to slow down, above the hard one nothing is taken."""

    def __init__(self, lanes: Iterable[PendingLane], policy: BufferPolicy, monotonic: Callable[[], float]) -> None:
        self._lanes = tuple(lanes)
        self._policy = policy
        names = [lane.collection.name for lane in self._lanes]
        self._rates = {name: DrainRate(monotonic) for name in names}
        self.shares = ClientShares(names)

    def check(self, lane: PendingLane, weight: int, origin: Origin, now: datetime) -> None:
        """Raises PayloadTooLarge for what never fits, SlowDown or BufferFull for what does not fit now."""
        policy = self._policy
        share = int(policy.max_bytes * policy.lane_share)
        if weight > share:
            raise PayloadTooLarge(
                f"The batch counts {weight} bytes; the buffer has room for {share}. Send fewer at once."
            )
        filled, age = self._filled(lane), lane.age(now)
        after = max(filled, self._filled(lane, weight))
        old = age / policy.hard_age_seconds
        lane.full = max(after, old) > 1 or (lane.full and max(filled, old) > RELEASE)
        if lane.full:
            raise BufferFull(self._state(lane, age), retry_after=self._wait(lane, filled - RELEASE))
        aged = age / policy.soft_age_seconds
        soft = policy.soft_share
        lane.tight = max(after / soft, aged) > 1 or (lane.tight and max(filled / soft, aged) > RELEASE)
        if lane.tight and self.shares.is_heaviest(origin.sender):
            sentence = f"{self._state(lane, age)} Nobody has more waiting than this client."
            raise SlowDown(sentence, retry_after=self._wait(lane, filled - soft * RELEASE))

    def applied(self, lane: PendingLane, through: int, weight: int) -> None:
        """Records up to ``through`` are stored, and so many bytes do not wait any more."""
        self._rates[lane.collection.name].drained(weight)
        self.shares.applied(lane.collection.name, through)

    def _filled(self, lane: PendingLane, more: int = 0) -> float:
        """How much of the room is taken: the lane's own, or that of all, whichever is scarcer."""
        total = sum(other.weight for other in self._lanes)
        bound = self._policy.max_bytes
        return max((total + more) / bound, (lane.weight + more) / int(bound * self._policy.lane_share))

    def _wait(self, lane: PendingLane, excess: float) -> float:
        return self._rates[lane.collection.name].wait(excess * self._policy.max_bytes * self._policy.lane_share)

    def _state(self, lane: PendingLane, age: float) -> str:
        total = sum(other.weight for other in self._lanes)
        since = f", the oldest for {age:.0f} s" if age >= 1 else ""
        bound = self._policy.max_bytes
        return f"{lane.collection.name} waits with {lane.weight} bytes{since}, all with {total} of {bound}."
