"""The names of what is kept in Redis.

What belongs together carries one hash tag, so that it lies in one slot of a Redis Cluster; no call goes across.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from domain.model.idempotency import IdempotencyKey


class PartitionKeys(msgspec.Struct, frozen=True):
    """The keys of one partition of a lane."""

    lane: str
    partition: int

    @property
    def state(self) -> str:
        """A hash: where the log began, its head, the watermarks."""
        return self._named("state")

    @property
    def frames(self) -> str:
        """The stream; an entry's id is the number of its last record."""
        return self._named("frames")

    @property
    def lease(self) -> str:
        """The token of who drains; expires."""
        return self._named("lease")

    @property
    def quarantine(self) -> str:
        """A set of copies of entries that are no frames."""
        return self._named("quarantine")

    def request(self, digest: str) -> str:
        """A list of what the log has of one request under an idempotency key; expires."""
        return self._named(f"request:{digest}")

    def _named(self, what: str) -> str:
        return f"persistence:{{{self.lane}:{self.partition}}}:{what}"


def digest_of(key: IdempotencyKey) -> str:
    """A short name of a key, with which no other key collides."""
    return sha256("\0".join((key.caller, key.operation, key.text)).encode()).hexdigest()


def claim_on(digest: str) -> str:
    """The token of the request that has an idempotency key; expires."""
    return f"persistence:{{claim:{digest}}}"


INSTANCES = "persistence:{instances}"
DEAD_LETTERS = ("persistence:{dead-letters}:order", "persistence:{dead-letters}:values")
LETTER_COUNTS = "persistence:{dead-letters}:counts"
EXCEPTIONS = ("persistence:{exceptions}:order", "persistence:{exceptions}:values")
OPENINGS = "persistence:{openings}"  # of intakes, which take the partitions in turn
WORKERS = "persistence:{workers}"  # a sorted set of those that drain, by the time at which they are taken for gone
