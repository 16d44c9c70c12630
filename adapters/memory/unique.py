"""The unique field of a collection: who has which value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from domain.errors import RecordRefused
from domain.model.collections import Collection
from domain.model.records import Record, greater


def check_unique(collection: Collection, table: Mapping[str, Record], records: Iterable[tuple[int, Record]]) -> None:
    """Raises RecordRefused for the first of the records, each with its place, that another one leaves no room for."""
    if collection.unique_field is None:
        return
    position = collection.positions[collection.unique_field.name]
    holders = {record.values[position]: key for key, record in table.items()}
    for place, record in records:
        stored = table.get(record.key)
        if stored is not None and greater(stored, record).version != record.version:
            continue
        value = record.values[position]
        if value is not None and holders.setdefault(value, record.key) != record.key:
            raise RecordRefused(f"Another record has this `{collection.unique_field.name}`.", index=place, taken=True)
        if stored is not None and stored.values[position] != value:
            holders.pop(stored.values[position], None)
