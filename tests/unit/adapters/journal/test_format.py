"""The bytes are those of ``ops/decisions/0002-journal-format.md``, read here without the codec."""

from __future__ import annotations

import struct
import zlib

from adapters.journal.format import (
    FORMAT_VERSION,
    FRAME_HEADER_BYTES,
    Codec,
    FrameHead,
    SegmentHeader,
    microseconds,
    moment,
)
from tests.unit.adapters.journal.logs import NOON, draft, stripped

CODEC = Codec()
SEED = CODEC.seed(42)
HEADER = SegmentHeader(
    version=FORMAT_VERSION, lane="translation_tasks", id=42, first=1 << 40, payload_before=1 << 50, created_at=99
)


def frame_bytes(sequence: int = 1 << 33, group: int = 512) -> bytes:
    prepared = CODEC.prepare(draft(7, size=30, count=3))
    return CODEC.encode_head(prepared, SEED, sequence, group) + prepared.draft.payload


def decoded(data: bytes, seed: int = SEED) -> FrameHead | None:
    size = CODEC.decode_fixed(data[:FRAME_HEADER_BYTES], len(data))
    return CODEC.decode_head(data[:size], seed) if size else None


def test_a_segment_header_stands_as_documented() -> None:
    sector = CODEC.encode_segment(HEADER)
    assert len(sector) == 512
    assert sector[:8] == b"\xffJRNSEG\xfe"
    assert struct.unpack_from("<HHQQQq", sector, 8) == (1, 17, 42, 1 << 40, 1 << 50, 99)
    assert sector[44 : 44 + 17] == b"translation_tasks"
    assert not any(sector[61:508])
    assert struct.unpack_from("<I", sector, 508) == (zlib.crc32(sector[:508]),)


def test_a_segment_header_comes_back_and_a_damaged_one_does_not() -> None:
    sector = CODEC.encode_segment(HEADER)
    assert CODEC.decode_segment(sector) == HEADER
    assert CODEC.decode_segment(sector[:-1]) is None
    for place in range(512):
        damaged = bytearray(sector)
        damaged[place] ^= 1
        assert CODEC.decode_segment(bytes(damaged)) is None, place


def test_a_frame_stands_as_documented() -> None:
    data = frame_bytes()
    magic, crc, length, payload_crc, group, sequence, accepted, revision, area = struct.unpack_from("<4sIIIIQqQI", data)
    payload = data[48 + area :]
    assert magic == b"\xffJF\xfe"
    assert crc == zlib.crc32(struct.pack("<Q", 42) + data[8 : 48 + area])
    assert (length, payload_crc) == (len(data), zlib.crc32(payload))
    assert (group, sequence, revision) == (512, 1 << 33, 7)
    assert accepted == 1_767_355_200_000_007
    assert payload == draft(7, size=30).payload


def test_a_frame_comes_back_as_it_was_given() -> None:
    data = frame_bytes()
    head = decoded(data)
    assert head is not None
    area, payload = data[48 : 48 + head.area_length], data[48 + head.area_length :]
    assert CODEC.intact(head, payload)
    frame = CODEC.frame(head, area, payload)
    assert stripped(frame) == draft(7, size=30, count=3)
    assert (frame.sequence, frame.last) == (1 << 33, (1 << 33) + 2)


def test_a_frame_with_any_byte_flipped_is_no_frame() -> None:
    data = frame_bytes()
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        head = decoded(bytes(damaged))
        assert head is None or not CODEC.intact(head, bytes(damaged[48 + head.area_length :])), place


def test_a_frame_is_valid_in_its_own_segment_only() -> None:
    assert decoded(frame_bytes()) is not None
    assert decoded(frame_bytes(), CODEC.seed(43)) is None


def test_a_frame_longer_than_what_is_left_is_no_frame() -> None:
    data = frame_bytes()
    assert CODEC.decode_fixed(data[:48], len(data)) > 48
    assert CODEC.decode_fixed(data[:48], len(data) - 1) == 0
    assert CODEC.decode_fixed(data[:47], len(data)) == 0


def test_a_seal_has_no_record() -> None:
    seal = CODEC.encode_seal(SEED, 10, 700)
    head = decoded(seal)
    assert head is not None
    assert (len(seal), head.count, head.sequence, head.group) == (48, 0, 10, 700)


def test_the_magics_are_in_no_text() -> None:
    for magic in (b"\xffJF\xfe", b"\xffJRNSEG\xfe"):
        assert "\ufffd" in magic.decode(errors="replace")


def test_times_keep_their_microseconds() -> None:
    assert moment(microseconds(NOON)) == NOON
    assert microseconds(moment(-1)) == -1
