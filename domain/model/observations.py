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
    """How much of a collection waits."""

    collection: str
    noun: str
    records: int
    payload_bytes: int
    oldest_seconds: float = 0.0  # for which the oldest record waits
    weight: int = 0  # bytes that it counts for in the bound
    bound: int = 0  # of all collections together


class BatchFlushed(Observed, frozen=True, kw_only=True, tag=True):
    """A batch is applied and the watermark has moved."""

    collection: str
    noun: str
    records: int
    seconds: float
    statuses: tuple[tuple[str, int], ...]  # records applied by their status
    trigger: str  # size, bytes, age, request, drain
    batch_size: int  # the adaptive trigger after this batch
    adapted: str = "kept"  # what this batch made of that trigger: grown, shrunk or kept ...
    cause: str = "steady"  # ... and why: fast, slow, steady, bound (it is at its limit), retried (an outage)


class FlushFailed(Observed, frozen=True, kw_only=True, tag=True):
    """A batch could not be applied; it is kept and tried again."""

    collection: str
    error: str  # stable code
    detail: str
    attempt: int
    retry_in_seconds: float


class FlushRecovered(Observed, frozen=True, kw_only=True, tag=True):
    """What had failed went well at last."""

    collection: str
    attempts: int  # that had failed before


class CollectionPaused(Observed, frozen=True, kw_only=True, tag=True):
    """A structural fault stops the flush of a collection until an operator mends it."""

    collection: str
    detail: str


class BackendAbsent(Observed, frozen=True, kw_only=True, tag=True):
    """A backend's server did not answer at the start; the backend is opened as soon as it does."""

    backend: str  # name in the configuration
    detail: str


class BackendLost(Observed, frozen=True, kw_only=True, tag=True):
    """A backend's circuit breaker has opened: nothing but a probe goes to it until it answers."""

    backend: str  # name in the configuration
    collections: tuple[str, ...]  # that are kept in it
    detail: str


class BackendRegained(Observed, frozen=True, kw_only=True, tag=True):
    """A backend stores again, and its circuit breaker has closed."""

    backend: str
    collections: tuple[str, ...]
    seconds: float  # that the breaker was open


class LaneMeasured(Observed, frozen=True, kw_only=True, tag=True):
    """How the flush of a collection fares."""

    collection: str
    noun: str
    backend: str  # name in the configuration
    lost: bool  # whether that backend's circuit breaker is open
    paused: bool
    batch_records: int


class RecordDeadLettered(Observed, frozen=True, kw_only=True, tag=True):
    """A record was refused and now stands in the dead letters."""

    collection: str
    key: str
    error: str
    detail: str


class DeadLettersMeasured(Observed, frozen=True, kw_only=True, tag=True):
    """How many dead letters a collection has."""

    collection: str
    records: int
    full: bool  # the store of all collections takes no more


class DeadLettersReplayed(Observed, frozen=True, kw_only=True, tag=True):
    """Dead letters are in the pending log again."""

    count: int


class DeadLettersPurged(Observed, frozen=True, kw_only=True, tag=True):
    """Somebody had dead letters forgotten for good."""

    count: int


class RecordsDiscarded(Observed, frozen=True, kw_only=True, tag=True):
    """Records were lost on purpose: the collection chose ``on_failure = "discard"``."""

    collection: str
    count: int


class WorkerStarted(Observed, frozen=True, kw_only=True, tag=True):
    """The worker process has opened its backends and begins to drain."""

    pid: int


class WorkerEnded(Observed, frozen=True, kw_only=True, tag=True):
    """The worker process ended although nobody asked it to; it is started again."""

    reason: str
    retry_in_seconds: float


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


class BufferLost(Observed, frozen=True, kw_only=True, tag=True):
    """The shared log came back empty; it goes on with numbers that were never given."""

    lane: str
    partition: int
    records: int  # that this process knows of, and that were not applied


class PartitionTaken(Observed, frozen=True, kw_only=True, tag=True):
    """This worker drains a partition from here on."""

    collection: str
    partition: int


class PartitionLost(Observed, frozen=True, kw_only=True, tag=True):
    """This worker was too slow to hold a partition, which another one may take."""

    collection: str
    partition: int


class LogReplayed(Observed, frozen=True, kw_only=True, tag=True):
    """The pending records of a former run are indexed; reads, flush and restore are open."""

    collection: str
    records: int
    seconds: float


class ServiceStarting(Observed, frozen=True, kw_only=True, tag=True):
    """The service knows its number; what a former run left pending is indexed from here on."""

    instance: int


class UncleanStart(Observed, frozen=True, kw_only=True, tag=True):
    """The run before this one on the same folder did not end by itself: it was killed, or the power went."""


class ServiceStarted(Observed, frozen=True, kw_only=True, tag=True):
    """The service answers."""

    url: str
    instance: int


class ServiceStopped(Observed, frozen=True, kw_only=True, tag=True):
    """The service ended on purpose."""

    exit_code: int
    left_in_journal: int


class ObjectStoreLost(Observed, frozen=True, kw_only=True, tag=True):
    """No content of a file can be stored or read; records are not concerned."""

    detail: str


class ObjectStoreRegained(Observed, frozen=True, kw_only=True, tag=True):
    """Content can be stored and read, at the start or again."""

    detail: str


class OrphansCollected(Observed, frozen=True, kw_only=True, tag=True):
    """Objects that no file names were removed."""

    seen: int  # objects in the store
    removed: int
    freed_bytes: int


class SweepFailed(Observed, frozen=True, kw_only=True, tag=True):
    """The search for orphans ended early; the next one begins anew."""

    error: str  # stable code
    detail: str


class CacheAsked(Observed, frozen=True, kw_only=True, tag=True):
    """A part of an answer was looked up, or was not."""

    level: str  # of the cache
    outcome: str  # "hit", "miss", "bypass"


class CacheFailed(Observed, frozen=True, kw_only=True, tag=True):
    """A call of a cache, or for a generation, was in vain; the store has answered."""

    what: str
    detail: str


class CacheLost(Observed, frozen=True, kw_only=True, tag=True):
    """The first of such calls in a row: from here on, few are tried."""

    what: str
    detail: str


class CacheRegained(Observed, frozen=True, kw_only=True, tag=True):
    """It answers again."""

    what: str


class ConfigurationReloaded(Observed, frozen=True, kw_only=True, tag=True):
    """Other backends or routes serve from here on."""

    generation: int
    opened: tuple[str, ...]  # backends that are new or changed
    closed: tuple[str, ...]
    needs_restart: tuple[str, ...]  # changed keys that only a restart heeds


class ReloadRefused(Observed, frozen=True, kw_only=True, tag=True):
    """A new configuration was no good; nothing has changed."""

    error: str  # stable code
    detail: str


Observation = (
    RequestServed
    | RequestFailed
    | RecordsAccepted
    | BufferMeasured
    | BatchFlushed
    | FlushFailed
    | FlushRecovered
    | CollectionPaused
    | BackendAbsent
    | BackendLost
    | BackendRegained
    | LaneMeasured
    | RecordDeadLettered
    | DeadLettersMeasured
    | DeadLettersReplayed
    | DeadLettersPurged
    | RecordsDiscarded
    | WorkerStarted
    | WorkerEnded
    | StorageOperated
    | FrameQuarantined
    | TornTailCut
    | JournalBroken
    | BufferLost
    | PartitionTaken
    | PartitionLost
    | LogReplayed
    | ServiceStarting
    | UncleanStart
    | ServiceStarted
    | ServiceStopped
    | ObjectStoreLost
    | ObjectStoreRegained
    | OrphansCollected
    | SweepFailed
    | CacheAsked
    | CacheFailed
    | CacheLost
    | CacheRegained
    | ConfigurationReloaded
    | ReloadRefused
)
