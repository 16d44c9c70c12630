"""The pending log in Redis Streams, shared by any number of instances and workers.

Numbers are given by the script that keeps a frame, and are the ids of the stream; watermarks trim it, and nothing else
does. ``ops/decisions/0006-shared-buffer.md`` says why there are no consumer groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from adapters.redis.appender import Appender
from adapters.redis.entries import accepted_at, head_of
from adapters.redis.idempotency_keys import told_of
from adapters.redis.keys import OPENINGS, PartitionKeys
from adapters.redis.reading import StreamReader
from adapters.redis.server import Answer, Call, RedisServer
from domain.errors import (
    Draining,
    IdempotencyKeyInProgress,
    JournalUnreachable,
    LeaseLost,
    PersistenceError,
    StartFailure,
)
from domain.model.frames import BufferDepth, Frame, FrameDraft, Position, number_in, numbered, partition_of
from domain.model.idempotency import KEPT
from domain.model.lanes import LaneState
from domain.model.observations import BufferLost
from domain.model.receipts import Epoch
from domain.model.revisions import tick_at
from ports.ambient import Clock, Observer
from ports.shared_log import Watched

_KEPT_SECONDS = int(KEPT.total_seconds())  # what names a request


class _Known(msgspec.Struct):
    """What this process knows of a partition's log: enough to go on behind it where the server forgot it."""

    first: int  # where its numbers begin: the name of this log
    head: int
    applied: int


class RedisWriteBuffer:
    """A ``WriteBuffer`` with a number of partitions a lane; appends go to one of them.

    A commit needs the lease of the partition, where there is one: see ``PartitionLeases``.
    """

    def __init__(
        self,
        server: RedisServer,
        lanes: Sequence[str],
        observer: Observer,
        clock: Clock,
        *,
        partition: int | None = None,
        partitions: int = 1,
        readers: Sequence[str] = ("primary",),
        tokens: Mapping[tuple[str, int], str] | None = None,
        claims: Mapping[str, int] | None = None,
    ) -> None:
        """``partition``: that appends go to, by default the next in turn at each opening.

        ``tokens``: of the leases that this process holds, by lane and partition; ``claims``: on idempotency keys, see
        ``RedisIdempotencyKeys.ends``; without them keys are not minded.
        """
        self.partition = partition or 0
        self._draws = partition is None
        self._server = server
        self._lanes = tuple(lanes)
        self._observer = observer
        self._clock = clock
        self._partitions = partitions
        self._readers = tuple(readers)
        self._tokens = tokens if tokens is not None else {}
        self._claims = claims
        self._known: dict[tuple[str, int], _Known] = {}
        self._appenders: dict[str, Appender] = {}
        self._reader = StreamReader(server, observer)

    async def open(self) -> None:
        """Connect, and begin the logs that are not there. Raises StartFailure."""
        if self._appenders:
            return
        await self._server.open()
        self._reader.open()
        try:
            for lane in self._lanes:
                for partition in range(self._partitions):
                    await self._create(lane, partition)
            if self._draws:
                self.partition = int(await self._server.run("turn", [OPENINGS])) % self._partitions
        except PersistenceError as error:
            raise StartFailure(f"journal.url: {error.detail}") from error
        self._appenders = {lane: Appender(partial(self._send, lane)) for lane in self._lanes}

    async def close(self) -> None:
        """Send what is queued, let waiting readers go."""
        self._reader.close()
        appenders, self._appenders = self._appenders, {}
        for appender in appenders.values():
            await appender.close()
        await self._server.close()

    async def append(self, lane: str, draft: FrameDraft, *, durable: bool = True) -> Position:  # noqa: ARG002
        """Keep a frame: see ``WriteBuffer``. Raises JournalUnreachable where its fate is unknown."""
        if draft.count < 1:
            raise ValueError("A frame has at least one record.")
        if not self._appenders:
            raise Draining("The journal is closed.")
        return await self._appenders[lane].append(draft)

    async def read(
        self, lane: str, partition: int, after: int, *, max_bytes: int, wait_seconds: float
    ) -> Sequence[Frame]:
        """Frames behind ``after``: see ``WriteBuffer``. Raises JournalUnreachable, DeadLettersFull."""
        behind = number_in(partition, after)
        return await self._reader.read(
            self._keys(lane, partition), behind, max_bytes=max_bytes, wait_seconds=wait_seconds
        )

    async def commit(self, lane: str, partition: int, reader: str, through: int) -> None:
        """Move a reader's watermark: see ``WriteBuffer``. Raises LeaseLost, JournalUnreachable; nothing moved then."""
        keys = self._keys(lane, partition)
        token = self._tokens.get((lane, partition), "")
        number = number_in(partition, through)
        places = [keys.state, keys.frames, keys.lease]
        moved = await self._server.run("commit", places, token, reader, number, *self._readers)
        if moved is None:
            raise LeaseLost(f"Partition {partition} of {lane} is drained by another worker by now.")

    async def depth(self, lane: str, reader: str = "primary", *, partition: int | None = None) -> BufferDepth:
        """How much of a partition waits for a reader, or of all; what is said of all counts from their beginnings."""
        if partition is not None:
            return await self._depth(lane, partition, reader)
        depths = [await self._depth(lane, each, reader) for each in range(self._partitions)]
        begins = [numbered(each, self._known[lane, each].first) for each in range(self._partitions)]
        return BufferDepth(
            head=sum(depth.head for depth in depths) - sum(begins),
            committed=sum(depth.committed for depth in depths) - sum(begins),
            payload_bytes=sum(depth.payload_bytes for depth in depths),
            oldest_accepted_at=min(filter(None, (depth.oldest_accepted_at for depth in depths)), default=None),
            quarantined=sum(depth.quarantined for depth in depths),
        )

    async def watch(self, lane: str, partition: int, wanted: int) -> Watched:
        """How far a partition is; see ``SharedLog``."""
        keys = self._keys(lane, partition)
        call = ("watch", [keys.state, keys.lease], "primary", max(0, number_in(partition, wanted)))
        found = await self._server.run(*call)
        if found is None:
            await self._revive(lane, partition)
            found = await self._server.run(*call)
        first, head, committed, drained = map(int, found[:4])
        self._learn(lane, partition, first, head, committed)
        return Watched(numbered(partition, head), numbered(partition, committed), bool(drained), _state(found[4]))

    async def open_epoch(self, lane: str, first_sequence: int) -> Epoch:
        """The epoch of a log is the log: it only ends where the server forgets it."""
        partition = partition_of(first_sequence)
        first = numbered(partition, self._known[lane, partition].first)
        return Epoch(first, first + 1)

    async def epochs(self, lane: str, number: int) -> tuple[Epoch | None, Epoch | None]:
        """The epoch of that number and the one after it; a receipt of a log that was lost finds where that ended."""
        partition = partition_of(number)
        if partition >= self._partitions:
            return None, None
        found = await self._server.ask("HMGET", self._keys(lane, partition).state, "first", "survived")
        current, survived = (numbered(partition, int(value or 0)) for value in found)
        if number >= current:
            return (Epoch(number, number + 1) if number == current else None), None
        return Epoch(number, number + 1), Epoch(current, max(survived, number) + 1)

    async def _send(self, lane: str, drafts: Sequence[FrameDraft]) -> list[Position | PersistenceError]:
        """Append to this end's partition, once more where the server has forgotten its log."""
        known = self._known[lane, self.partition]
        outcomes = await self._trip(lane, drafts)
        if None in outcomes:
            await self._revive(lane, self.partition)
            outcomes[outcomes.index(None) :] = await self._trip(lane, drafts[outcomes.index(None) :])
            known = self._known[lane, self.partition]
        known.head = max(
            [known.head, *(number_in(one.partition, one.last) for one in outcomes if isinstance(one, Position))]
        )
        twice = JournalUnreachable(
            f"Redis forgot partition {self.partition} of {lane} twice in a row.", retry_after=1.0
        )
        return [twice if one is None else one for one in outcomes]

    async def _trip(self, lane: str, drafts: Sequence[FrameDraft]) -> list[Position | PersistenceError | None]:
        """What became of each; None where the log was another one, which it is for all that follow."""
        keys, first = self._keys(lane, self.partition), self._known[lane, self.partition].first
        answers = await self._server.run_all([self._append(keys, first, draft) for draft in drafts])
        return [self._outcome(draft, answer) for draft, answer in zip(drafts, answers, strict=True)]

    def _append(self, keys: PartitionKeys, first: int, draft: FrameDraft) -> Call:
        places, given = [keys.state, keys.frames], (first, draft.count, head_of(draft), draft.payload)
        if self._claims is None or (told := told_of(keys.lane, draft)) is None:
            return "append", places, given
        digest, description = told
        end = self._claims.get(digest, 0)
        return "append", [*places, keys.request(digest)], (*given, description, end, _KEPT_SECONDS)

    def _outcome(self, draft: FrameDraft, answer: Answer) -> Position | PersistenceError | None:
        if isinstance(answer, bytes):
            end = numbered(self.partition, int(answer))
            return Position(self.partition, end - draft.count + 1, end)
        if answer == 0:
            return IdempotencyKeyInProgress(
                "The request was held up for so long that another may have its key by now; nothing of it was taken.",
                retry_after=1.0,
            )
        return answer  # type: ignore[no-any-return]

    async def _create(self, lane: str, partition: int) -> _Known:
        """Begin a log behind everything that is known of a former one; numbers are never given twice."""
        keys, known = self._keys(lane, partition), self._known.get((lane, partition))
        begin = max(tick_at(self._clock.now()) << 6, known.head if known else 0)
        places = [keys.state, keys.frames]
        answer = await self._server.run("create", places, begin, known.applied if known else 0, *self._readers)
        first, head = int(answer[0]), int(answer[1])
        self._known[lane, partition] = _Known(first, head, first)
        return self._known[lane, partition]

    async def _revive(self, lane: str, partition: int) -> None:
        known = self._known[lane, partition]
        after = await self._create(lane, partition)
        if after.first != known.first:
            lost = max(0, known.head - known.applied)
            self._observer(BufferLost(lane=lane, partition=partition, records=lost))

    async def _depth(self, lane: str, partition: int, reader: str) -> BufferDepth:
        keys = self._keys(lane, partition)
        found = await self._server.run("measure", [keys.state, keys.frames], reader)
        if found is None:
            await self._revive(lane, partition)
            found = await self._server.run("measure", [keys.state, keys.frames], reader)
        first, head, committed = (int(value) for value in found[:3])
        self._learn(lane, partition, first, head, committed)
        return BufferDepth(
            head=numbered(partition, head),
            committed=numbered(partition, committed),
            payload_bytes=int(found[3]),
            oldest_accepted_at=accepted_at(found[4]),
            quarantined=int(found[5]),
        )

    def _learn(self, lane: str, partition: int, first: int, head: int, committed: int) -> None:
        """Remember how far a log is; where it is another one than before, take that up."""
        known = self._known[lane, partition]
        if first == known.first:
            known.head, known.applied = max(known.head, head), max(known.applied, committed)
        else:
            self._known[lane, partition] = _Known(first, max(known.head, head), committed)

    def _keys(self, lane: str, partition: int) -> PartitionKeys:
        if self._reader.is_closed:
            raise Draining("The journal is closed.")
        if not 0 <= partition < self._partitions:
            raise ValueError(f"The log in Redis has no partition {partition}.")
        return PartitionKeys(lane, partition)


def _state(told: bytes) -> LaneState | None:
    """What a worker says of its drain; None where it says nothing, or nothing that this release knows."""
    try:
        return msgspec.msgpack.decode(told, type=LaneState)
    except msgspec.MsgspecError:
        return None
