"""Records for the suites."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.model.collections import Collection
from domain.model.records import Record
from domain.model.translation import TASKS

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)

_TASK = {
    "session_id": "s",
    "status": "pending",
    "source_text": "text",
    "source_lang": "en",
    "target_lang": "de",
}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def record(
    key: str, updated: float = 0, revision: int = 1, created: float = 0, *, collection: Collection = TASKS, **fields
) -> Record:
    """A record; times in seconds around ``NOON``, other fields by name."""
    given = {collection.key: key, **(_TASK if collection is TASKS else {}), **fields}
    values = tuple(given.get(field.name, field.default) for field in collection.data_fields)
    return Record(values, at(created), at(updated), revision)


def tombstone(
    key: str, updated: float = 0, revision: int = 1, created: float = 0, *, collection: Collection = TASKS
) -> Record:
    values = (key, *(field.default for field in collection.data_fields[1:]))
    return Record(values, at(created), at(updated), revision, at(updated))
