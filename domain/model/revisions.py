"""Revisions: 63-bit numbers that only grow: milliseconds (41 bits), instance (10 bits), counter (12 bits).

The n-th successor carries from the counter into the milliseconds and leaves the instance alone, so that a frame of
any size has contiguous revisions ``nth(first, 0) .. nth(first, count - 1)`` and two instances never meet.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zlib import crc32

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REVISION_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
COUNTER_BITS = 12
INSTANCE_BITS = 10
COUNTERS = 1 << COUNTER_BITS
INSTANCES = 1 << INSTANCE_BITS
SALTS = 1 << 30
_CHECK_BITS = 22  # of a made key: other makers' keys do not look like one
_TICK_SHIFT = COUNTER_BITS + INSTANCE_BITS
_SALT_SHIFT = INSTANCE_BITS + _CHECK_BITS
_CHECK = (1 << _CHECK_BITS) - 1 << INSTANCE_BITS
_MILLISECOND = timedelta(milliseconds=1)


def compose(tick: int, instance: int, counter: int) -> int:
    """The revision of a counter within a millisecond ``tick`` (since 2020) at an instance."""
    return tick << _TICK_SHIFT | instance << COUNTER_BITS | counter


def tick_of(revision: int) -> int:
    """Milliseconds since 2020 of a revision."""
    return revision >> _TICK_SHIFT


def instance_of(revision: int) -> int:
    """The instance that gave a revision."""
    return revision >> COUNTER_BITS & INSTANCES - 1


def tick_at(moment: datetime) -> int:
    """Milliseconds since 2020 of a moment; never negative."""
    return max(0, (moment - REVISION_EPOCH) // _MILLISECOND)


def nth(first: int, index: int) -> int:
    """The revision of record ``index`` of a frame whose record 0 has ``first``."""
    counter = (first & COUNTERS - 1) + index
    return (first & ~(COUNTERS - 1)) + ((counter >> COUNTER_BITS) << _TICK_SHIFT) + (counter & COUNTERS - 1)


def run(first: int, count: int) -> list[int]:
    """The revisions of a frame of ``count`` records."""
    if (first & COUNTERS - 1) + count <= COUNTERS:
        return list(range(first, first + count))
    return [nth(first, i) for i in range(count)]


def uuid_of(revision: int, salt: int = 0) -> str:
    """A UUID of version 7 that belongs to one revision alone, and sorts as it does.

    ``salt``: of the instance; two may have one number, and then also one revision, but not the same salt.
    """
    milliseconds = (REVISION_EPOCH - EPOCH) // _MILLISECOND + tick_of(revision)
    counter = revision & COUNTERS - 1
    number = milliseconds << 80 | 7 << 76 | counter << 64 | 2 << 62 | salt << _SALT_SHIFT | instance_of(revision)
    return str(UUID(int=number | _check(number)))


def made_at(text: str) -> datetime | None:
    """When a UUID of ``uuid_of`` was made, to the millisecond; None where the text is none."""
    try:
        number = UUID(text).int
        made = EPOCH + (number >> 80) * _MILLISECOND
    except (ValueError, OverflowError):
        return None
    is_version_seven = number >> 76 & 15 == 7 and number >> 62 & 3 == 2
    is_ours = text == str(UUID(int=number)) and is_version_seven and number & _CHECK == _check(number)
    return made if is_ours else None


def _check(number: int) -> int:
    """What the other bits of a made key say, in the place where it stands there."""
    others = number & ~_CHECK
    return crc32(others.to_bytes(16, "big")) >> 32 - _CHECK_BITS << INSTANCE_BITS
