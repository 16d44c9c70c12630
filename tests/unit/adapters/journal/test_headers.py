from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.journal import headers
from domain.model.frames import FrameHeaders, FrameKind

U64 = st.integers(0, (1 << 64) - 1)
TEXTS = st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
HEADERS = st.builds(
    FrameHeaders,
    base_revisions=st.lists(U64, max_size=4).map(tuple),
    fence=st.none() | U64,
    idempotency_key=TEXTS,
    body_digest=st.none() | st.binary(min_size=32, max_size=32),
    principal=TEXTS,
    trace=TEXTS,
    validator=st.integers(0, 65_535),
    part=st.integers(0, (1 << 32) - 1),
    epoch=U64,
    verdicts=st.booleans(),
    keys=st.lists(TEXTS.filter(lambda text: text is not None), max_size=3).map(tuple),
    unknown=st.lists(st.tuples(st.integers(headers.KEYS + 1, 65_535), st.binary(max_size=9)), max_size=3).map(tuple),
)


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(kind=st.sampled_from(FrameKind), count=st.integers(1, (1 << 32) - 1), given_=HEADERS)
def test_headers_come_back_as_they_were_given(kind: FrameKind, count: int, given_: FrameHeaders) -> None:
    area = headers.encode(kind, count, given_)
    assert headers.decode(area) == (kind, count, given_)
    assert headers.count_of(area) == count


def test_the_headers_that_every_frame_has_are_written_as_documented() -> None:
    area = headers.encode(FrameKind.DELETE, 258, FrameHeaders(validator=3))
    assert area.hex(" ", 1) == (
        "01 00 01 00 00 00 02"  # kind: delete
        " 02 00 04 00 00 00 02 01 00 00"  # count: 258
        " 03 00 02 00 00 00 03 00"  # validator: 3
    )


def test_a_type_of_a_newer_release_is_written_back_unchanged() -> None:
    area = headers.encode(FrameKind.WRITE, 1, FrameHeaders(unknown=((999, b"tomorrow"),)))
    kind, count, decoded = headers.decode(area)
    assert headers.encode(kind, count, decoded) == area


@pytest.mark.parametrize(
    "area",
    [
        b"\x01",
        b"\x01\x00\x05\x00\x00\x00\x01",
        headers.encode(FrameKind.WRITE, 1, FrameHeaders(fence=1))[:-1],
        headers.encode(FrameKind.WRITE, 1, FrameHeaders(base_revisions=(1,)))[:-14] + b"\x04\x00\x01\x00\x00\x00\x00",
        headers.encode(FrameKind.WRITE, 1, FrameHeaders()).replace(b"\x01\x00\x01\x00\x00\x00\x01", b""),
        headers.encode(FrameKind.WRITE, 1, FrameHeaders()).replace(b"\x00\x00\x00\x01", b"\x00\x00\x00\x63", 1),
        headers.encode(FrameKind.WRITE, 1, FrameHeaders()) + b"\x09\x00\x01\x00\x00\x00\xff",
        headers.encode(FrameKind.WRITE, 1, FrameHeaders()) + b"\x0c\x00\x03\x00\x00\x00[1]",
        headers.encode(FrameKind.WRITE, 1, FrameHeaders()) + b'\x0c\x00\x05\x00\x00\x00["\xff"]',
    ],
    ids=[
        "cut type",
        "cut value",
        "cut fence",
        "cut revision",
        "no kind",
        "unknown kind",
        "trace is no text",
        "keys of numbers",
        "keys of no text",
    ],
)
def test_an_area_that_makes_no_sense_is_malformed(area: bytes) -> None:
    with pytest.raises(headers.MalformedHeaders):
        headers.decode(area)


def test_an_area_without_a_count_has_none() -> None:
    with pytest.raises(headers.MalformedHeaders, match="count"):
        headers.count_of(b"\x01\x00\x01\x00\x00\x00\x01")
