"""What an export is written as."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Protocol

import msgspec

from domain.model.collections import Collection, FieldType

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_VALUE = msgspec.json.Decoder(str | int | None)


class Lines(Protocol):
    """Records, as JSON objects, into the lines of a file."""

    head: bytes

    def of(self, records: Sequence[bytes]) -> bytes:
        """The lines of some records."""


class NdjsonLines:
    """One JSON object a line, as it came."""

    head = b""

    def __init__(self, _: Collection, __: Sequence[str] | None = None) -> None:
        """Whatever the collection is."""

    def of(self, records: Sequence[bytes]) -> bytes:
        """The lines of some records."""
        return b"".join(record + b"\n" for record in records)


class CsvLines:
    """One row a record (RFC 4180): null is an empty cell, an object its JSON text."""

    def __init__(self, collection: Collection, names: Sequence[str] | None = None) -> None:
        """``names``: of the fields that records have here; None: all."""
        self._objects = {field.name for field in collection.fields if field.type is FieldType.OBJECT}
        self._names = tuple(name for name in collection.by_name if names is None or name in names)
        self.head = _rows([self._names])

    def of(self, records: Sequence[bytes]) -> bytes:
        """The rows of some records."""
        return _rows([self._cells(_OBJECT.decode(record)) for record in records])

    def _cells(self, record: dict[str, msgspec.Raw]) -> list[str | int | None]:
        return [
            bytes(record[name]).decode() if name in self._objects else _VALUE.decode(record[name])
            for name in self._names
        ]


FORMATS: dict[str, type[NdjsonLines | CsvLines]] = {"ndjson": NdjsonLines, "csv": CsvLines}


def _rows(rows: Sequence[Sequence[str | int | None]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
