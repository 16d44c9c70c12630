"""The typed headers of a frame: type (u16), length (u32), value, one behind the other.

A type that this release does not know is kept, and written back unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct, error

import msgspec

from domain.model.frames import FrameHeaders, FrameKind

KIND, COUNT, VALIDATOR, BASE_REVISIONS, FENCE, IDEMPOTENCY_KEY, BODY_DIGEST, PRINCIPAL, TRACE = range(1, 10)
PART, VERDICTS, KEYS = range(10, 13)

_PREFIX = Struct("<HI")
_ALWAYS = Struct("<HIBHIIHIH")  # kind, count, validator with their prefixes: every frame has these three
_PART = Struct("<IQ")  # number of the part, epoch of its receipt
_U8, _U16, _U32, _U64 = Struct("<B"), Struct("<H"), Struct("<I"), Struct("<Q")


class MalformedHeaders(ValueError):
    """The area is not a sequence of headers, or a value is none of its type."""


def encode(kind: FrameKind, count: int, headers: FrameHeaders) -> bytes:
    """The area of a frame of ``count`` records."""
    area = _ALWAYS.pack(KIND, 1, kind, COUNT, 4, count, VALIDATOR, 2, headers.validator)
    for type_, value in _optional(headers):
        area += _PREFIX.pack(type_, len(value)) + value
    return area


def _optional(headers: FrameHeaders) -> Iterator[tuple[int, bytes]]:
    if headers.base_revisions:
        yield BASE_REVISIONS, b"".join(map(_U64.pack, headers.base_revisions))
    if headers.fence is not None:
        yield FENCE, _U64.pack(headers.fence)
    if headers.idempotency_key is not None:
        yield IDEMPOTENCY_KEY, headers.idempotency_key.encode()
    if headers.body_digest is not None:
        yield BODY_DIGEST, headers.body_digest
    if headers.part or headers.epoch:
        yield PART, _PART.pack(headers.part, headers.epoch)
    if headers.verdicts:
        yield VERDICTS, b""
    if headers.keys:
        yield KEYS, msgspec.json.encode(headers.keys)
    if headers.principal is not None:
        yield PRINCIPAL, headers.principal.encode()
    if headers.trace is not None:
        yield TRACE, headers.trace.encode()
    yield from headers.unknown


def count_of(area: bytes) -> int:
    """How many records the frame has, without decoding the rest. Raises MalformedHeaders."""
    for type_, value in _split(area):
        if type_ == COUNT:
            return int(_value(_U32, value))
    raise MalformedHeaders("no count")


def decode(area: bytes) -> tuple[FrameKind, int, FrameHeaders]:
    """Kind, count and the rest. Raises MalformedHeaders."""
    known: dict[int, bytes] = {}
    unknown: list[tuple[int, bytes]] = []
    for type_, value in _split(area):
        if KIND <= type_ <= KEYS:
            known[type_] = value
        else:
            unknown.append((type_, value))
    try:
        kind = FrameKind(_value(_U8, known[KIND]))
        count = _value(_U32, known[COUNT])
        return kind, count, _headers(known, tuple(unknown))
    except (KeyError, ValueError) as cause:
        raise MalformedHeaders(f"a header is missing or has no meaning: {cause}") from cause


def _headers(known: dict[int, bytes], unknown: tuple[tuple[int, bytes], ...]) -> FrameHeaders:
    def text(type_: int) -> str | None:
        value = known.get(type_)
        return None if value is None else value.decode()

    bases = known.get(BASE_REVISIONS, b"")
    if len(bases) % _U64.size:
        raise MalformedHeaders("base revisions are not whole numbers")
    part, epoch = _numbers(_PART, known[PART]) if PART in known else (0, 0)
    return FrameHeaders(
        base_revisions=tuple(number for (number,) in _U64.iter_unpack(bases)),
        fence=_value(_U64, known[FENCE]) if FENCE in known else None,
        idempotency_key=text(IDEMPOTENCY_KEY),
        body_digest=known.get(BODY_DIGEST),
        principal=text(PRINCIPAL),
        trace=text(TRACE),
        part=part,
        epoch=epoch,
        verdicts=VERDICTS in known,
        keys=_keys(known[KEYS]) if KEYS in known else (),
        validator=_value(_U16, known[VALIDATOR]) if VALIDATOR in known else 1,
        unknown=unknown,
    )


def _keys(value: bytes) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(value, type=tuple[str, ...])
    except (msgspec.MsgspecError, UnicodeDecodeError) as cause:
        raise MalformedHeaders("the keys are no list of texts") from cause


def _value(form: Struct, value: bytes) -> int:
    (number,) = _numbers(form, value)
    return number


def _numbers(form: Struct, value: bytes) -> tuple[int, ...]:
    try:
        return form.unpack(value)
    except error as cause:
        raise MalformedHeaders("a number has the wrong length") from cause


def _split(area: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset < len(area):
        start = offset + _PREFIX.size
        if start > len(area):
            raise MalformedHeaders("a header is cut")
        type_, length = _PREFIX.unpack_from(area, offset)
        offset = start + length
        if offset > len(area):
            raise MalformedHeaders("a header's value is cut")
        yield type_, area[start:offset]
