"""Records to send: real texts from the slice, under keys, versions and markers of the test's own."""

from __future__ import annotations

import gzip
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from tests.e2e.api import KEYS
from tests.e2e.ledger import MARKERS, Action, Change, digest_of, moment_of, now, text_of

Json = Any  # a record as it was decoded

SLICE = Path(__file__).resolve().parents[1] / "data"
STATUSES = {
    "sessions": ("pending", "processing", "completed", "failed", "cancelled"),
    "tasks": ("pending", "processing", "completed", "failed"),
}
_START_OF_2025 = 1_735_689_600_000_000  # microseconds since 1970
_DAY = 86_400_000_000
_NOT_YET = 2**62  # no answer has bounded the version's time


def slice_file(envelope: str) -> Path:
    """The slice's file of "sessions" or "tasks"."""
    return SLICE / f"gettext-{envelope}.ndjson.gz"


def real_records(envelope: str) -> list[Json]:
    """The records of the slice, as they stand in its file."""
    with gzip.open(slice_file(envelope), "rb") as lines:
        return [msgspec.json.decode(line) for line in lines]


class Samples:
    """Makes writes, no two with the same marker or version."""

    def __init__(self) -> None:
        self._models = {envelope: real_records(envelope) for envelope in KEYS}
        self._last = 0
        self._count = 0

    def record(self, envelope: str, key: str, random: Random) -> Json:
        """A whole record: mostly newer than everything before, now and then a straggler from last year."""
        updated = self._tick() if random.random() < 0.85 else _START_OF_2025 + self._tick() % (100 * _DAY)
        marker = self._marker(key)
        return {
            **({"batch_id": None, "error_message": None} if envelope == "tasks" else {}),
            **random.choice(self._models[envelope]),
            KEYS[envelope]: key,
            MARKERS[envelope]: marker,
            "status": random.choice(STATUSES[envelope]),
            "metadata": {"z": random.randrange(1000), "a": [marker, None, 1.5], "ключ": {"b": 1, "a": 2}},
            "created_at": text_of(_START_OF_2025 - random.randrange(100 * _DAY)),
            "updated_at": text_of(updated),
        }

    def put(self, envelope: str, record: Json) -> Change:
        """The ledger's view of a whole record that is about to be sent."""
        updated = moment_of(record["updated_at"])
        return Change(
            envelope=envelope,
            key=record[KEYS[envelope]],
            action=Action.PUT,
            marker=record[MARKERS[envelope]],
            earliest=updated,
            latest=updated,
            created=moment_of(record["created_at"]),
            digest=digest_of(envelope, record),
        )

    def change(self, envelope: str, key: str, action: Action) -> Change:
        """The ledger's view of a change whose time the service gives."""
        return Change(
            envelope=envelope,
            key=key,
            action=action,
            marker=self._marker(key),
            earliest=self._tick(),
            latest=_NOT_YET,
        )

    def _marker(self, key: str) -> str:
        self._count += 1
        return f"{key} {self._count}"

    def _tick(self) -> int:
        self._last = max(self._last + 1, now())
        return self._last
