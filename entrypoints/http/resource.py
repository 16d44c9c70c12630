"""One collection as the API shows it: its batch envelope, its records on the wire."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from domain.errors import InvalidRecords, ItemError, MalformedBody, PayloadTooLarge
from domain.model.collections import Collection
from domain.model.policies import MAX_BATCH_BYTES, MAX_BATCH_RECORDS
from domain.services import strict_json
from domain.services.query_rules import REVISION
from entrypoints.http.deprecations import Deprecation, FormerNames
from entrypoints.http.wire import RecordWire

Answer = TypeVar("Answer")
_CLOSING = re.compile(rb"[ \t\r\n]*\}[ \t\r\n]*\Z")
_CLOSING_BYTES = 16
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MANY_COMMAS = 200_000  # fewer cannot part so many elements that they fill the memory


class Resource:
    """What handlers need of a collection; built once."""

    def __init__(self, collection: Collection, former: Mapping[str, Deprecation]) -> None:
        """``former``: names that its fields had."""
        self.collection = collection
        self.former = FormerNames(former)
        self.wire = RecordWire(collection)
        self.outline = (collection.key, "created_at", "updated_at", REVISION)  # of a record, for who may not read it
        public = tuple(field.name for field in collection.fields if not field.sensitive)
        self.plain = None if len(public) == len(collection.fields) else (*public, REVISION)  # without what is sensitive
        self._opening = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"%s"[ \t\r\n]*:' % collection.envelope.encode())
        envelope = msgspec.defstruct(
            "Envelope", [(collection.envelope, msgspec.Raw)], frozen=True, forbid_unknown_fields=True
        )
        self._envelope: msgspec.json.Decoder[Any] = msgspec.json.Decoder(envelope)  # a shape made at run time

    async def within_envelope(self, body: bytes, take: Callable[[bytes], Awaitable[Answer]]) -> Answer:
        """What ``take`` makes of the array inside ``{"tasks": [...]}``; faults come with their places in the body.

        Raises MalformedBody, InvalidRecords (another shape), PayloadTooLarge, whatever ``take`` raises.
        """
        batch = self._between(body)
        if batch is not None:
            try:
                return await self._taken(batch, take)
            except MalformedBody:
                pass  # no array, so nothing was taken: let the decoder see the whole body
        return await self._taken(self._array_in(body), take)

    async def _taken(self, batch: bytes, take: Callable[[bytes], Awaitable[Answer]]) -> Answer:
        try:
            return await take(bounded(batch))
        except InvalidRecords as problem:
            pointer = f"/{self.collection.envelope}"
            raise InvalidRecords(problem.detail, errors=moved(problem.errors, 0, pointer)) from None

    def _between(self, body: bytes) -> bytes | None:
        """What the envelope holds if it holds one member; only an array of records proves that it does."""
        opening, closing = self._opening.match(body), _CLOSING.search(body[-_CLOSING_BYTES:])
        if opening is None or closing is None:
            return None
        return body[opening.end() : len(body) - len(closing[0])]

    def _array_in(self, body: bytes) -> bytes:
        strict_json.check(body)
        try:
            return bytes(getattr(self._envelope.decode(body), self.collection.envelope))
        except msgspec.ValidationError as error:
            raise self._wrong_shape(str(error)) from None
        except msgspec.DecodeError as error:
            raise MalformedBody(f"The body is not JSON: {error}.") from None

    def _wrong_shape(self, message: str) -> InvalidRecords:
        word = self.collection.envelope
        unknown = _UNKNOWN.fullmatch(message)
        pointer = "/" + escaped(unknown[1]) if unknown else ""
        detail = f'The body must be an object with one member, the array of records: {{"{word}": [...]}}.'
        code = "unknown_field" if unknown else "wrong_shape"
        return InvalidRecords(detail, errors=(ItemError(pointer=pointer, code=code, detail=f"{message}."),))


def bounded(batch: bytes) -> bytes:
    """The batch itself. Raises PayloadTooLarge where its bytes or its elements are too many."""
    if len(batch) > MAX_BATCH_BYTES:
        raise PayloadTooLarge(f"A batch may have {MAX_BATCH_BYTES} bytes; this one has {len(batch)}.")
    if len(batch) > _MANY_COMMAS and batch.count(b",") > _MANY_COMMAS:
        _check_length(batch)
    return batch


def _check_length(batch: bytes) -> None:
    """Refuse an array of millions of tiny elements before anyone makes objects of them."""
    try:
        _bounded().decode(batch)
    except msgspec.ValidationError as error:
        if "at most length" in str(error):
            raise PayloadTooLarge(f"At most {MAX_BATCH_RECORDS} records are taken at once.") from None


@functools.cache
def _bounded() -> msgspec.json.Decoder[Any]:
    """Decodes no more elements than a batch may have; slow to build and rarely needed."""
    places = [(f"record_{index}", msgspec.Raw, None) for index in range(MAX_BATCH_RECORDS)]
    return msgspec.json.Decoder(msgspec.defstruct("Bounded", places, array_like=True, forbid_unknown_fields=True))


def moved(errors: tuple[ItemError, ...], steps: int, prefix: str) -> tuple[ItemError, ...]:
    """The errors with the first ``steps`` words of their pointers replaced by ``prefix``."""
    return tuple(
        msgspec.structs.replace(error, pointer="/".join([prefix, *error.pointer.split("/")[1 + steps :]]))
        for error in errors
    )


def escaped(word: str) -> str:
    """A member's name inside a JSON Pointer (RFC 6901)."""
    return word[:200].replace("~", "~0").replace("/", "~1")
