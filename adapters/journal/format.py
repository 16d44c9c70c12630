"""The bytes of the journal, as ``ops/decisions/0002-journal-format.md`` draws them: segment headers and frames."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from struct import Struct

import msgspec

from adapters.journal import headers
from domain.model.frames import Frame, FrameDraft

Checksum = Callable[[bytes, int], int]

FORMAT_VERSION = 1
SEGMENT_HEADER_BYTES = 512  # one sector; the first frame follows
SEGMENT_MAGIC = b"\xffJRNSEG\xfe"
FRAME_MAGIC = b"\xffJF\xfe"  # 0xff and 0xfe occur in no UTF-8 text, hence in no JSON payload

_SEGMENT = Struct("<8sHHQQQq")
_SEGMENT_CRC_AT = SEGMENT_HEADER_BYTES - 4
_FRAME = Struct("<4sIIIIQqQI")
_CRC = Struct("<I")
_ID = Struct("<Q")
FRAME_HEADER_BYTES = _FRAME.size
_COVERED_FROM = 8  # magic and the CRC itself are not covered
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class SegmentHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What the first sector of a segment says."""

    version: int
    lane: str
    id: int
    first: int  # sequence of the first record that may stand in it
    payload_before: int  # payload bytes of the lane before this segment, since the lane began
    created_at: int  # microseconds since 1970


class PreparedFrame(msgspec.Struct, frozen=True):
    """A draft with everything encoded that does not depend on its place."""

    draft: FrameDraft
    area: bytes  # typed headers
    payload_crc: int
    accepted: int  # microseconds since 1970
    size: int  # bytes of the whole frame


class FrameHead(msgspec.Struct, frozen=True):
    """A frame's header that passed its checksum."""

    length: int  # of the whole frame
    payload_crc: int
    group: int  # offset in the segment: everything before it was durable when this frame was written
    sequence: int
    accepted: int  # microseconds since 1970
    first_revision: int
    area_length: int
    count: int  # 0: a seal, which only says that everything before it is durable
    payload_length: int


class Codec:
    """Encodes and decodes; the checksum is a parameter so that a test can show what it is good for."""

    def __init__(self, checksum: Checksum = zlib.crc32) -> None:
        self._checksum = checksum

    def seed(self, segment_id: int) -> int:
        """What every frame checksum of a segment begins with: a frame is valid in its own segment only."""
        return self._checksum(_ID.pack(segment_id), 0)

    def encode_segment(self, header: SegmentHeader) -> bytes:
        """The first sector of a segment."""
        lane = header.lane.encode()
        fixed = _SEGMENT.pack(
            SEGMENT_MAGIC,
            header.version,
            len(lane),
            header.id,
            header.first,
            header.payload_before,
            header.created_at,
        )
        covered = (fixed + lane).ljust(_SEGMENT_CRC_AT, b"\0")
        return covered + _CRC.pack(self._checksum(covered, 0))

    def decode_segment(self, sector: bytes) -> SegmentHeader | None:
        """The header, or None where there is none or it is damaged."""
        if len(sector) < SEGMENT_HEADER_BYTES or not sector.startswith(SEGMENT_MAGIC):
            return None
        (crc,) = _CRC.unpack_from(sector, _SEGMENT_CRC_AT)
        if crc != self._checksum(sector[:_SEGMENT_CRC_AT], 0):
            return None
        _, version, lane_length, id_, first, before, created = _SEGMENT.unpack_from(sector)
        lane = sector[_SEGMENT.size : _SEGMENT.size + lane_length].decode(errors="replace")
        return SegmentHeader(version=version, lane=lane, id=id_, first=first, payload_before=before, created_at=created)

    def prepare(self, draft: FrameDraft) -> PreparedFrame:
        """Encode what is known before the frame has a place."""
        if draft.count < 1:
            raise ValueError("A frame has at least one record.")
        area = headers.encode(draft.kind, draft.count, draft.headers)
        size = FRAME_HEADER_BYTES + len(area) + len(draft.payload)
        return PreparedFrame(draft, area, self._checksum(draft.payload, 0), microseconds(draft.accepted_at), size)

    def encode_head(self, frame: PreparedFrame, seed: int, sequence: int, group: int) -> bytes:
        """Fixed header and typed headers of a frame; the payload follows as it is."""
        fixed = _FRAME.pack(
            FRAME_MAGIC,
            0,
            frame.size,
            frame.payload_crc,
            group,
            sequence,
            frame.accepted,
            frame.draft.first_revision,
            len(frame.area),
        )
        return self._stamp(fixed + frame.area, seed)

    def encode_seal(self, seed: int, sequence: int, group: int) -> bytes:
        """A frame without headers and payload, written last at a clean stop."""
        return self._stamp(_FRAME.pack(FRAME_MAGIC, 0, FRAME_HEADER_BYTES, 0, group, sequence, 0, 0, 0), seed)

    def _stamp(self, head: bytes, seed: int) -> bytes:
        covered = head[_COVERED_FROM:]
        return FRAME_MAGIC + _CRC.pack(self._checksum(covered, seed)) + covered

    def decode_fixed(self, fixed: bytes, room: int) -> int:
        """Length of fixed and typed headers together; 0 where no frame can begin with ``room`` bytes left."""
        if len(fixed) < FRAME_HEADER_BYTES or not fixed.startswith(FRAME_MAGIC):
            return 0
        _, _, length, *_, area_length = _FRAME.unpack_from(fixed)
        whole: int = FRAME_HEADER_BYTES + area_length
        return whole if whole <= length <= room else 0

    def decode_head(self, head: bytes, seed: int) -> FrameHead | None:
        """The header in the bytes that ``decode_fixed`` measured, or None where the checksum says otherwise."""
        _, crc, length, payload_crc, group, sequence, accepted, revision, area_length = _FRAME.unpack_from(head)
        if crc != self._checksum(head[_COVERED_FROM:], seed):
            return None
        try:
            count = headers.count_of(head[FRAME_HEADER_BYTES:]) if area_length else 0
        except headers.MalformedHeaders:
            return None
        payload_length = length - FRAME_HEADER_BYTES - area_length
        return FrameHead(length, payload_crc, group, sequence, accepted, revision, area_length, count, payload_length)

    def intact(self, head: FrameHead, payload: bytes) -> bool:
        """Whether a payload is the one its header was written for."""
        return len(payload) == head.payload_length and self._checksum(payload, 0) == head.payload_crc

    def frame(self, head: FrameHead, area: bytes, payload: bytes) -> Frame:
        """The value that readers get. Raises MalformedHeaders."""
        kind, count, typed = headers.decode(area)
        return Frame(
            sequence=head.sequence,
            accepted_at=moment(head.accepted),
            first_revision=head.first_revision,
            count=count,
            payload=payload,
            kind=kind,
            headers=typed,
        )


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The aware UTC time of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)
