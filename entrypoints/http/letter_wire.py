"""Dead letters as JSON, and the cursors of their lists."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.errors import DeadLetterNotFound, InvalidCursor
from domain.model.dead_letters import DeadLetter, LetterCause, LetterId, LetterLevel, Replayed, Sweep
from domain.model.frames import FrameKind
from entrypoints.http.wire import Document, instant

_KINDS = {FrameKind.WRITE: "write", FrameKind.DELETE: "delete"}


def page(letters: Sequence[DeadLetter], level: LetterLevel, causes: Sequence[LetterCause]) -> Document:
    """Letters without their records, and what there is in all."""
    return {
        "items": [summary(letter) for letter in letters],
        "causes": [{"collection": each.lane, "code": each.code, "count": each.records} for each in causes],
        **filling(level),
    }


def filling(level: LetterLevel) -> Document:
    """How full the store is."""
    return {
        "total": level.records,
        "bytes": level.weight,
        "max_records": level.bounds.max_records,
        "max_bytes": level.bounds.max_bytes,
        "full": level.is_full,
    }


def summary(letter: DeadLetter) -> Document:
    """A letter without its record. ``sequence`` is its place among those that receipts count."""
    return {
        "id": str(letter.id),
        "collection": letter.lane,
        "key": letter.key,
        "operation": _KINDS[letter.kind],
        "code": letter.code,
        "detail": letter.detail,
        "sequence": letter.sequence,
        "revision": str(letter.revision) if letter.revision else None,
        "accepted_at": _moment(letter.accepted_at),
        "failed_at": _moment(letter.failed_at),
        "record_bytes": len(letter.record),
        "replayable": letter.is_replayable,
    }


def whole(letter: DeadLetter) -> Document:
    """A letter with its record: as JSON where it is, and its bytes where it is not."""
    record = _as_json(letter.record)
    coded = base64.b64encode(letter.record).decode() if letter.record and record is None else None
    return summary(letter) | {"record": record, "record_base64": coded}


def replayed(done: Replayed) -> Document:
    """What became of a replay."""
    document: Document = {
        "id": str(done.letter.id),
        "key": done.letter.key,
        "verdict": done.verdict or "pending",
        "revision": str(done.revision),
        "receipt": done.receipt,
    }
    if done.code:
        document["problem"] = {"type": f"/problems/{done.code}", "code": done.code, "detail": done.detail}
    if done.new_id is not None:
        document["new_id"] = str(done.new_id)
    return document


def swept(sweep: Sweep, *, onward: bool) -> Document:
    """What became of a page of replays."""
    return {
        "replayed": sum(sweep.verdicts.values()),
        "verdicts": dict(sweep.verdicts),
        "kept": sweep.kept,
        "before": instant(datetime.fromisoformat(sweep.before)),
        "next_cursor": cursor(sweep.last) if onward and sweep.last else None,
    }


def cursor(after: LetterId) -> str:
    """The opaque text that a list goes on behind."""
    return base64.urlsafe_b64encode(str(after).encode()).decode().rstrip("=")


def place(text: str | None) -> LetterId | None:
    """What a cursor stands for. Raises InvalidCursor."""
    if text is None:
        return None
    try:
        return LetterId.parse(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    except (ValueError, DeadLetterNotFound):
        raise InvalidCursor("The cursor is not one that this service gave.") from None


def _as_json(record: bytes) -> Any:  # whatever it is
    try:
        msgspec.json.decode(record)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None
    return msgspec.Raw(record)


def _moment(text: str) -> str | None:
    return instant(datetime.fromisoformat(text).astimezone(UTC)) if text else None
