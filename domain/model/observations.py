"""Everything worth logging, counting or tracing, as one tagged union: services report, adapters decide what to do."""

from __future__ import annotations

import msgspec


class Trace(msgspec.Struct, frozen=True):
    """W3C trace context of the request that caused an observation."""

    trace_id: str  # 32 hex digits
    span_id: str  # 16 hex digits
    sampled: bool = False

    @property
    def traceparent(self) -> str:
        """The header's text (https://www.w3.org/TR/trace-context/)."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What every observation carries."""

    trace: Trace | None = None


class RequestServed(Observed, frozen=True, kw_only=True, tag=True):
    """An HTTP request was answered."""

    method: str
    endpoint: str  # route template, never the path itself
    status: int
    seconds: float
    request_id: str
    user_id: str | None = None
    session_id: str | None = None
    error: str | None = None  # stable code of the problem answered


class RequestFailed(Observed, frozen=True, kw_only=True, tag=True):
    """A request met a bug; the only place where a traceback is reported."""

    method: str
    endpoint: str
    request_id: str
    traceback: str


class RecordsAccepted(Observed, frozen=True, kw_only=True, tag=True):
    """A request's records are durable in the pending log."""

    collection: str
    noun: str
    count: int
    payload_bytes: int


class BufferMeasured(Observed, frozen=True, kw_only=True, tag=True):
    """How many records of a collection wait."""

    collection: str
    noun: str
    records: int
    payload_bytes: int


class BatchFlushed(Observed, frozen=True, kw_only=True, tag=True):
    """A batch is applied and the watermark has moved."""

    collection: str
    noun: str
    records: int
    seconds: float
    statuses: tuple[tuple[str, int], ...]  # records applied by their status
    trigger: str  # size, bytes, age, request, drain
    batch_size: int  # the adaptive trigger after this batch


class FlushFailed(Observed, frozen=True, kw_only=True, tag=True):
    """A batch could not be applied; it is kept and tried again."""

    collection: str
    error: str  # stable code
    detail: str
    attempt: int
    retry_in_seconds: float


class CollectionPaused(Observed, frozen=True, kw_only=True, tag=True):
    """A structural fault stops the flush of a collection until an operator mends it."""

    collection: str
    detail: str


class RecordDeadLettered(Observed, frozen=True, kw_only=True, tag=True):
    """A record was refused and now stands in the dead letters."""

    collection: str
    key: str
    error: str
    detail: str


class RecordsDiscarded(Observed, frozen=True, kw_only=True, tag=True):
    """Records were lost on purpose: the collection chose ``on_failure = "discard"``."""

    collection: str
    count: int


class StorageOperated(Observed, frozen=True, kw_only=True, tag=True):
    """A backend did, or failed to do, one port operation."""

    backend: str  # type name: sqlite, mysql, ...
    operation: str  # port method
    seconds: float
    error: str | None = None  # stable code


class FrameQuarantined(Observed, frozen=True, kw_only=True, tag=True):
    """A damaged frame was set aside; the log goes on behind it."""

    lane: str
    segment: str
    offset: int
    size: int
    reason: str


class TornTailCut(Observed, frozen=True, kw_only=True, tag=True):
    """An unfinished write at the end of the log was cut at the start: normal after a crash."""

    lane: str
    segment: str
    offset: int


class JournalBroken(Observed, frozen=True, kw_only=True, tag=True):
    """The log's disk failed; the service acknowledges nothing more and stops."""

    lane: str
    detail: str


class LogReplayed(Observed, frozen=True, kw_only=True, tag=True):
    """The pending records of a former run are indexed; reads, flush and restore are open."""

    collection: str
    records: int
    seconds: float


class ServiceStarting(Observed, frozen=True, kw_only=True, tag=True):
    """The service knows its number; what a former run left pending is indexed from here on."""

    instance: int


class ServiceStarted(Observed, frozen=True, kw_only=True, tag=True):
    """The service answers."""

    url: str
    instance: int


class ServiceStopped(Observed, frozen=True, kw_only=True, tag=True):
    """The service ended on purpose."""

    exit_code: int
    left_in_journal: int


Observation = (
    RequestServed
    | RequestFailed
    | RecordsAccepted
    | BufferMeasured
    | BatchFlushed
    | FlushFailed
    | CollectionPaused
    | RecordDeadLettered
    | RecordsDiscarded
    | StorageOperated
    | FrameQuarantined
    | TornTailCut
    | JournalBroken
    | LogReplayed
    | ServiceStarting
    | ServiceStarted
    | ServiceStopped
)
