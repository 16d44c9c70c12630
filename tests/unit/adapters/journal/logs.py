"""Short ways to a lane, a draft and what a lane holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.journal.files import Uninterrupted
from adapters.journal.format import Codec
from adapters.journal.lane import Lane
from domain.model.frames import Frame, FrameDraft, FrameHeaders, Position
from domain.model.observations import FrameQuarantined, Observation, TornTailCut
from tests.unit.adapters.journal.disks import WriteBackDisk

FOLDER = Path("/srv/data/journal/tasks")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SMALL = 4096  # a segment for a few frames


Places = list[tuple[int, int]]


def _places(positions: Sequence[Position]) -> Places:
    return [(position.first, position.last) for position in positions]


class FixedClock:
    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0


def draft(number: int, size: int = 100, count: int = 1, headers: FrameHeaders | None = None) -> FrameDraft:
    """A draft that tells which one it is: ``number`` is in its payload, in its time and in its revision."""
    return FrameDraft(
        accepted_at=NOON + timedelta(microseconds=number),
        first_revision=number,
        count=count,
        payload=b'["%d' % number + b"x" * size + b'"]',
        headers=headers or FrameHeaders(),
    )


def stripped(frame: Frame) -> FrameDraft:
    """The draft that a frame was made of."""
    return FrameDraft(**{name: getattr(frame, name) for name in FrameDraft.__struct_fields__})


def segments(disk: WriteBackDisk) -> list[int]:
    """The ids of the segments on a disk, by their names."""
    return sorted(int(name[:20]) for name in disk.list_directory(FOLDER) if name.endswith(".segment"))


class Log:
    """A lane over some files, with what it reported."""

    def __init__(
        self,
        files: object,
        *,
        folder: Path = FOLDER,
        readers: Sequence[str] = ("primary",),
        segment_bytes: int = SMALL,
        codec: Codec | None = None,
    ) -> None:
        self.reports: list[Observation] = []
        self.lane = Lane(
            Uninterrupted(files),
            folder,
            folder.name,
            readers=readers,
            segment_bytes=segment_bytes,
            clock=FixedClock(),
            report=self.reports.append,
            codec=codec or Codec(),
        )
        self.head = self.lane.open()

    def append(self, *drafts: FrameDraft, written: Callable[[list[tuple[int, int]]], None] = lambda _: None) -> Places:
        """One group; ``written`` is told of its places before they are durable."""
        frames = [self.lane.prepare(each) for each in drafts]
        return _places(self.lane.append(frames, lambda positions: written(_places(positions))))

    def frames(self, after: int = 0, max_bytes: int = 1 << 20) -> list[Frame]:
        """Everything behind ``after``."""
        frames: list[Frame] = []
        while portion := self.lane.read(frames[-1].last if frames else after, max_bytes):
            frames += portion
        return frames

    def drafts(self, after: int = 0) -> list[FrameDraft]:
        return [stripped(frame) for frame in self.frames(after)]

    def stop(self) -> None:
        self.lane.close_writer()
        self.lane.close()

    @property
    def quarantined(self) -> list[FrameQuarantined]:
        return [each for each in self.reports if isinstance(each, FrameQuarantined)]

    @property
    def cuts(self) -> list[TornTailCut]:
        return [each for each in self.reports if isinstance(each, TornTailCut)]
