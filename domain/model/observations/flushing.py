"""From the pending log into the backends, and what is refused there."""

from __future__ import annotations

from domain.model.observations.root import Observed


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
    tried_seconds: float = 0.0  # since its first try began, of which ``seconds`` are those of the last one
    waiting: int = 0  # records that were in the pending log when it was cut, its own among them
    requests: int = 0  # whose records it has; each part of a streamed one counts
    links: tuple[str, ...] = ()  # traceparents of those that are traced, a bounded number


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


class WritesConflicted(Observed, frozen=True, kw_only=True, tag=True):
    """Conditional writes were refused: what they build on has changed, or another record has their value."""

    collection: str
    count: int


class StorageOperated(Observed, frozen=True, kw_only=True, tag=True):
    """A backend did, or failed to do, one port operation."""

    backend: str  # type name: sqlite, mysql, ...
    operation: str  # port method
    seconds: float
    collection: str | None = None  # that it was about, if about one
    error: str | None = None  # stable code


class RecordsExpired(Observed, frozen=True, kw_only=True, tag=True):
    """Records that were kept long enough are gone."""

    collection: str
    records: int
    before: str  # RFC 3339: when the youngest of them was created, at the latest


class RetentionFailed(Observed, frozen=True, kw_only=True, tag=True):
    """What is too old stays until the next time."""

    collection: str
    error: str  # stable code
    detail: str
