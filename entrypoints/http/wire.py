"""Records and answers as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import msgspec

from domain.model.changes import SessionProgress
from domain.model.collections import Collection, FieldType
from domain.model.receipts import ReceiptStatus, WriteException
from domain.model.records import Record
from domain.services.query_rules import REVISION

Document = dict[str, Any]  # a JSON object on its way out


def body_of(content: Any) -> bytes:
    """``content``, whatever msgspec encodes, as the body of an answer; it ends its line, as a shell likes it."""
    return msgspec.json.encode(content) + b"\n"


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, always with six fraction digits."""
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


class RecordWire:
    """One collection's records as JSON objects: declared fields in order, then the revision."""

    def __init__(self, collection: Collection) -> None:
        self._names = (*collection.by_name, REVISION)
        self._objects = [i for i, field in enumerate(collection.data_fields) if field.type is FieldType.OBJECT]
        stored = [*collection.positions, "created_at", "updated_at", REVISION]
        self._places = {name: stored.index(name) for name in self._names}
        self._pick = itemgetter(*self._places.values())

    def document(self, record: Record, fields: Sequence[str] | None = None) -> Document:
        """A record, whole or with just some fields."""
        values: list[Any] = list(record.values)
        for place in self._objects:
            values[place] = msgspec.Raw(values[place].encode())  # as it was sent
        values += (instant(record.created_at), instant(record.updated_at), str(record.revision))
        if fields is None:
            return dict(zip(self._names, self._pick(values), strict=True))
        return {name: values[self._places[name]] for name in fields}


def progress(found: SessionProgress) -> Document:
    """How far a session is: stored tasks by status, and records that still wait beside them."""
    return {
        "counts": dict(found.counts),
        "total": found.total,
        "progress": round(found.progress, 6),
        "pending": found.pending,
    }


def problem_of(exception: WriteException) -> Document:
    """Why a record is not the stored state."""
    return {"type": f"/problems/{exception.code}", "code": exception.code, "detail": exception.detail}


def receipt(status: ReceiptStatus) -> Document:
    """What became of a request; ``index`` counts its records from 0."""
    exceptions = [
        {
            "index": found.sequence - status.receipt.first,
            "key": found.key,
            "verdict": found.verdict,
            "problem": problem_of(found),
        }
        for found in status.exceptions
    ]
    return {
        "receipt": str(status.receipt),
        "state": status.state,
        "count": status.receipt.count,
        "exceptions": exceptions,
    }
