"""What the service and its worker say to each other. Both run the same release; ``channel.VERSION`` counts changes.

The worker opens its backends and says ``Ready``; the service says which lanes to ``Drain``; from there on the worker
asks for what it needs. Whatever the worker asks has a number, and one answer with that number.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from domain.model.frames import BufferDepth, Frame
from domain.model.observations import Observation


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Encoded as an array, whose first item is the name of the message."""


class Greeting(Message, frozen=True):
    """The first message to a worker."""

    release: str  # that the service runs; a worker of another one says good-bye
    settings: bytes  # msgpack of the plain tree, secrets in the clear: they are nowhere else than on this socket
    lanes: tuple[str, ...]  # those that the worker may be told to drain

    def __repr__(self) -> str:
        """What may stand in a log."""
        return f"Greeting(release={self.release!r}, lanes={self.lanes!r})"


class Drain(Message, frozen=True):
    """Begin to drain a lane."""

    lane: str
    applied: int  # the watermark


class Hurry(Message, frozen=True):
    """Somebody waits: apply records up to ``through`` without lingering."""

    lane: str
    through: int


class Ping(Message, frozen=True):
    """Do you live?"""


class Portion(Message, frozen=True):
    """The answer to ``Read``; the payloads follow, one behind the other."""

    number: int
    frames: tuple[Frame, ...]  # without their payloads
    sizes: tuple[int, ...]  # bytes of each payload


class Committed(Message, frozen=True):
    """The answer to ``Commit``: the watermark has moved."""

    number: int


class Measured(Message, frozen=True):
    """The answer to ``Measure``."""

    number: int
    depth: BufferDepth


class Refused(Message, frozen=True):
    """The answer to any request that failed."""

    number: int
    code: str  # of the error
    detail: str


class Read(Message, frozen=True):
    """``PendingLog.read``."""

    number: int
    lane: str
    partition: int
    after: int
    max_bytes: int
    wait_seconds: float


class Commit(Message, frozen=True):
    """``PendingLog.commit``."""

    number: int
    lane: str
    partition: int
    reader: str
    through: int


class Measure(Message, frozen=True):
    """``PendingLog.depth``."""

    number: int
    lane: str
    reader: str


class Ready(Message, frozen=True):
    """The worker's backends are open."""


class Pong(Message, frozen=True):
    """I do."""


class Observed(Message, frozen=True):
    """Something for the service's logs and metrics."""

    observation: Observation


class Logged(Message, frozen=True):
    """A line of a library in the worker, for the service's log."""

    level: int  # as the standard ``logging`` numbers them
    logger: str
    text: str


class Farewell(Message, frozen=True):
    """Why the worker cannot do its work; it ends."""

    detail: str


Request: TypeAlias = Read | Commit | Measure
Answer: TypeAlias = Portion | Committed | Measured | Refused
ToWorker: TypeAlias = Greeting | Drain | Hurry | Ping | Answer
FromWorker: TypeAlias = Ready | Pong | Observed | Logged | Farewell | Request

TO_WORKER: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
FROM_WORKER: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
