"""Identifiers from the clock and the system's randomness."""

from __future__ import annotations

import os
import time

from domain.model.tracing import Trace

_VERSION_7 = 7 << 76
_VARIANT = 2 << 62


class SystemIds:
    """Request ids are UUIDs of version 7 (RFC 9562): they sort by the millisecond in which they were given."""

    def __init__(self, sample_ratio: float = 0.0) -> None:
        """``sample_ratio``: of the new traces, the share that is sampled."""
        self._sampled_below = sample_ratio * 2**64

    def request_id(self) -> str:
        """A fresh id, 36 characters."""
        milliseconds = time.time_ns() // 1_000_000
        chance = int.from_bytes(os.urandom(10), "big")
        random_a, random_b = chance >> 68, chance & (1 << 62) - 1
        digits = f"{milliseconds << 80 | _VERSION_7 | random_a << 64 | _VARIANT | random_b:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def secret(self, size: int) -> bytes:
        """As the port says."""
        return os.urandom(size)

    def trace(self) -> Trace:
        """The first span of a new trace; whether it is sampled follows from its id, for every system alike."""
        chance = os.urandom(24).hex()
        return Trace(chance[:32], chance[32:], int(chance[16:32], 16) < self._sampled_below)
