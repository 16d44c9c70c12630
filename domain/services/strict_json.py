"""What no record may hold, although a decoder takes it.

The decoder checks the grammar, but skips over nested values without looking at their UTF-8, escapes, depth or digits,
and takes NUL in text. This closes those gaps at the speed of ``memcpy``: a few passes in C over the bytes, and exact
answers without a parser, because the grammar is still checked by the decoder. A key that stands twice in an object is
no error: the last one wins.
"""

from __future__ import annotations

import re
from array import array
from itertools import accumulate

from domain.errors import MalformedBody

MAX_DEPTH = 30
MAX_DIGITS = 400  # in a row, outside of strings

_STRIDE = MAX_DIGITS // 4
_DIGITS = bytes(0x30 if chr(byte) in "0123456789" else 0x20 for byte in range(256))  # every digit becomes 0
_FEW_ZEROS = b"0" * (MAX_DIGITS // _STRIDE)
_MANY_ZEROS = b"0" * (MAX_DIGITS + 1)
_NO_STRUCTURE = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # up and down, as signed bytes
_MANY_ESCAPES = 4096
_USUAL_DEPTH = 4  # envelope, array, record, metadata
_ESCAPE = re.compile(rb"\\[^u]", re.DOTALL)
_BAD_ESCAPE = re.compile(
    rb"\\u(?:0000"  # NUL
    rb"|[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"  # the first half of a pair without the second
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F])"  # the second without the first
)


def check(body: bytes, depth: int = MAX_DEPTH) -> None:
    """Refuse what no record may hold, or what is nested deeper. Raises MalformedBody, naming the place."""
    if not body.isascii():
        _check_utf8(body)
    if b"\\" in body:
        body = _without_escapes(body)
    if _FEW_ZEROS in body[::_STRIDE].translate(_DIGITS):  # a run longer than the limit always touches four samples
        _check_digits(body)
    _check_depth(body, depth)


def _check_utf8(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise MalformedBody(f"The body is not UTF-8 (byte {error.start}: {error.reason}).") from None


def _without_escapes(body: bytes) -> bytes:
    """The text with escapes blotted out, byte for byte, so that every quote that is left opens or closes a string."""
    if body.count(b"\\") > _MANY_ESCAPES:  # linear whatever the text, but slower for a few
        plain = body.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    else:
        plain = _ESCAPE.sub(b"__", body)
    if b"\\" in plain:
        found = _BAD_ESCAPE.search(plain)
        if found:
            what = "NUL" if found[0] == b"\\u0000" else "half of a surrogate pair"
            raise MalformedBody(f"The escape at byte {found.start()} stands for {what}, which no text may hold.")
    return plain


def _check_digits(plain: bytes) -> None:
    runs = plain.translate(_DIGITS)
    place = counted = quotes = 0
    while (place := runs.find(_MANY_ZEROS, place)) >= 0:
        quotes += plain.count(b'"', counted, place)
        if not quotes % 2:
            raise MalformedBody(f"The number at byte {place} has more than {MAX_DIGITS} digits in a row.")
        counted = place
        place = plain.find(b'"', place)
        if place < 0:
            return  # a string without an end: the decoder says so


def _check_depth(plain: bytes, depth: int) -> None:
    outline = plain.translate(None, _NO_STRUCTURE).replace(b'""', b"")
    if b'"' in outline:  # some string holds a bracket: keep what stands outside
        outline = b"".join(outline.split(b'"')[::2])
    if not _without_leaves(outline, rounds=_USUAL_DEPTH):
        return
    if max(accumulate(array("b", outline.translate(_STEPS))), default=0) > depth:
        raise MalformedBody(f"The body is nested deeper than {depth} levels.")


def _without_leaves(outline: bytes, rounds: int) -> bytes:
    for _ in range(rounds):
        outline = outline.replace(b"{}", b"").replace(b"[]", b"")
    return outline
