"""How many requests a caller may make in a while."""

from __future__ import annotations

import msgspec

MINUTE = 60


class Quota(msgspec.Struct, frozen=True):
    """At most so many requests in any stretch of so many seconds."""

    name: str  # of what is counted: ``address``, ``key``, ``session``
    limit: int
    seconds: int = MINUTE

    def among(self, instances: int) -> Quota:
        """The part of one instance of several that cannot ask each other."""
        return msgspec.structs.replace(self, limit=max(1, self.limit // instances))


class Allowance(msgspec.Struct, frozen=True):
    """What is left of a quota behind a request."""

    quota: Quota
    remaining: int
    reset_seconds: float  # until the oldest request that counts does so no more
    is_used_up: bool = False  # the request is one too many, and was not counted


class QuotaPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Requests a minute; 0: as many as they like."""

    anonymous_per_minute: int = 100  # of an address whose callers show no valid credential
    key_per_minute: int = 1000  # of a key or a token, batches of records apart
    session_queries_per_minute: int = 10  # of a key about one session
    in_flight_bytes: int = 32 * 1024 * 1024  # of one caller's bodies that are held at once
    instances: int = 1  # that share the quotas by their Redis; each takes its part while that is away
