"""Batches without an end: one record a line; each 1,000 lines or 8 MiB, whichever come first, are a frame."""

from __future__ import annotations

import msgspec

from domain.errors import InvalidRecords, ItemError, MalformedBody, PayloadTooLarge
from domain.model.acks import Ack
from domain.model.changes import Acceptance
from domain.model.policies import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_RECORD_BYTES
from domain.model.receipts import Receipt
from domain.services import strict_json
from domain.services.faults import MAX_ERRORS
from domain.services.idempotency import Attempt
from entrypoints.http.acks import Terms
from entrypoints.http.body import BodyReader
from entrypoints.http.call import Call
from entrypoints.http.door import let_go_on
from entrypoints.http.idempotency import digest
from entrypoints.http.resource import moved
from entrypoints.http.wire import Document

FRAME_LINES = 1000
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_RAW = msgspec.json.Decoder(msgspec.Raw)


class LineError(ItemError, frozen=True, kw_only=True):
    """A fault in a line; the pointer begins with the line's index, counted from 0."""

    line: int  # counted from 1, as an editor shows it


class Lines(msgspec.Struct, frozen=True):
    """The lines of a frame, without blank ones, and their numbers."""

    numbers: list[int]
    texts: list[bytes]


class LineReader:
    """Cuts a body into frames of lines."""

    def __init__(self, reader: BodyReader) -> None:
        self._reader = reader
        self._rest: list[bytes] = []  # of a line whose end has not come
        self._rest_bytes = 0
        self._waiting: list[bytes] = []  # whole lines, newest first
        self._number = 0
        self._ended = False

    async def frame(self) -> Lines:
        """The next frame; without lines at the end. Raises InvalidRecords for a line beyond a record's size."""
        self._reader.restart_clock()
        lines, room = Lines([], []), MAX_BATCH_BYTES - 2
        while len(lines.texts) < FRAME_LINES and (self._waiting or await self._read_on()):
            if not self._waiting:
                continue
            if len(self._waiting[-1]) >= room and lines.texts:
                break
            self._number += 1
            text = self._waiting.pop().strip()
            if len(text) > MAX_RECORD_BYTES:
                raise self._too_long()
            if text:
                lines.numbers.append(self._number)
                lines.texts.append(text)
                room -= len(text) + 1
        return lines

    async def _read_on(self) -> bool:
        """Read one part more; False when nothing is left."""
        if self._ended:
            return False
        part = await self._reader.part()
        self._ended = not part
        head, *tail = part.split(b"\n") if part else (b"", b"")
        self._rest.append(head)
        self._rest_bytes += len(head)
        if self._rest_bytes > MAX_RECORD_BYTES + 1024:
            self._number += 1
            raise self._too_long()
        if tail:
            *whole, last = tail
            self._waiting = [*reversed(whole), b"".join(self._rest)]
            self._rest, self._rest_bytes = [last], len(last)
        return True

    def _too_long(self) -> InvalidRecords:
        fault = _error(self._number, "too_large", f"A record may have {MAX_RECORD_BYTES} bytes.")
        return InvalidRecords(fault.detail, errors=(fault,))


class NdjsonStream:
    """Takes frame after frame, and remembers what stays if a later one is refused.

    Under an idempotency key each frame of lines is a part of the request: those that were taken before are passed over.
    """

    def __init__(self, call: Call, terms: Terms, attempt: Attempt) -> None:
        self.kept: list[Acceptance] = []  # with ``ack=stored``: whose records want a verdict
        self._call = call
        self._terms = terms
        self._attempt = attempt
        self._part = 0
        self._receipts: list[Receipt] = []
        self._errors: list[ItemError] = []
        call.accepted = 0

    async def run(self) -> Document:
        """Take the whole body.

        Raises InvalidRecords with the line where it ends, Unauthenticated where its sender's key was revoked meanwhile,
        whatever ``accept`` raises.
        """
        bodies = self._call.services.bodies
        lines = LineReader(BodyReader(self._call, bodies))
        while (frame := await lines.frame()).texts:
            await let_go_on(self._call)
            await self._take(frame)
            self._part += 1
            bodies.release(self._call)
        if not self._receipts:
            detail = "No record was taken." if self._errors else "The body has no line with a record."
            raise InvalidRecords(detail, errors=tuple(self._errors))
        told: Document = {
            "count": self._call.accepted,
            "receipt": self._call.receipt,  # the last: when it is applied, all before it are
            "receipts": [str(receipt) for receipt in self._receipts],
        }
        return told | ({"errors": self._errors} if self._terms.partial else {})

    async def _take(self, lines: Lines) -> None:
        call, terms = self._call, self._terms
        if terms.ack is Ack.STORED and (call.accepted or 0) + len(lines.texts) > MAX_BATCH_RECORDS:
            raise PayloadTooLarge(f"With `ack=stored`, at most {MAX_BATCH_RECORDS} records are taken at once.")
        whole = digest(call, b"\n".join(lines.texts)) if self._attempt.has_key else None
        lines = self._sound(lines)
        if not lines.texts:
            return
        try:
            acceptance = await call.services.intake.take(
                call.resource.collection,
                call.resource.former.in_lines(b"[" + b",".join(lines.texts) + b"]", call.deprecated),
                partial=terms.partial,
                ack=terms.ack,
                origin=call.origin,
                attempt=self._attempt,
                part=self._part,
                digest=whole,
            )
        except InvalidRecords as problem:
            self._refuse(_by_line(problem.errors, lines))
            return
        self._note(_by_line(acceptance.errors, lines))
        self._keep(acceptance)

    def _keep(self, acceptance: Acceptance) -> None:
        if self._terms.ack is Ack.STORED:
            self.kept.append(acceptance)
        receipt = acceptance.receipt
        call, last = self._call, self._receipts[-1] if self._receipts else None
        if last and (last.lane, last.epoch, last.last + 1) == (receipt.lane, receipt.epoch, receipt.first):
            self._receipts[-1] = msgspec.structs.replace(last, last=receipt.last)
        else:
            self._receipts.append(receipt)
        call.accepted = (call.accepted or 0) + receipt.count
        call.receipt = str(self._receipts[-1])

    def _sound(self, lines: Lines) -> Lines:
        """The lines that are one JSON value each; all of them at once where nothing is wrong."""
        if _are_values(lines.texts):
            return lines
        sound = Lines([], [])
        faults: list[ItemError] = []
        for number, text in zip(lines.numbers, lines.texts, strict=True):
            reason = _reason(text)
            if reason is None:
                sound.numbers.append(number)
                sound.texts.append(text)
            else:
                faults.append(_error(number, "malformed_body", reason))
        if faults:
            self._refuse(faults)
        return sound

    def _refuse(self, faults: list[ItemError]) -> None:
        if self._terms.partial:
            self._note(faults)
            return
        taken = self._call.accepted or 0
        kept = f"The first {taken:,} records are taken; send the others again." if taken else "Nothing was taken."
        raise InvalidRecords(f"{faults[0].detail} {kept}", errors=tuple(faults[:MAX_ERRORS]), accepted=taken)

    def _note(self, faults: list[ItemError]) -> None:
        self._errors += faults[: MAX_ERRORS - len(self._errors)]


def _are_values(texts: list[bytes]) -> bool:
    """Whether every line is exactly one JSON value; joined, lines could also hide in each other."""
    payload = b"[" + b",".join(texts) + b"]"
    try:
        strict_json.check(payload)
        return list(map(bytes, _RAWS.decode(payload))) == texts
    except (MalformedBody, msgspec.DecodeError):
        return False


def _reason(text: bytes) -> str | None:
    try:
        strict_json.check(text)
        _RAW.decode(text)
    except MalformedBody as problem:
        return problem.detail
    except msgspec.DecodeError as error:
        return f"The line is not JSON: {error}."
    return None


def _error(number: int, code: str, detail: str, pointer: str = "") -> LineError:
    return LineError(pointer=pointer or f"/{number - 1}", code=code, detail=f"Line {number}: {detail}", line=number)


def _by_line(errors: tuple[ItemError, ...], lines: Lines) -> list[ItemError]:
    """Faults of a frame's records as faults of the body's lines."""
    found: list[ItemError] = []
    for error in errors:
        number = lines.numbers[int(error.pointer.split("/")[1])]
        (placed,) = moved((error,), 1, f"/{number - 1}")
        found.append(_error(number, error.code, error.detail, placed.pointer))
    return found
