"""What stands beside the backends: object store, caches, search index, keyring, collector of traces."""

from __future__ import annotations

from domain.model.observations.root import Observed


class ObjectStoreLost(Observed, frozen=True, kw_only=True, tag=True):
    """No content of a file can be stored or read; records are not concerned."""

    detail: str


class ObjectStoreRegained(Observed, frozen=True, kw_only=True, tag=True):
    """Content can be stored and read again."""

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


class SearchIndexLost(Observed, frozen=True, kw_only=True, tag=True):
    """An index cannot be written; it is tried again, and nothing else waits for it."""

    collection: str
    error: str  # stable code
    detail: str


class SearchIndexRegained(Observed, frozen=True, kw_only=True, tag=True):
    """An index is written again."""

    collection: str


class SearchIndexBehind(Observed, frozen=True, kw_only=True, tag=True):
    """An index was away for too long: what it lacks is no longer in the log, and must be filled in anew."""

    collection: str
    records: int  # that it lacks, at least


class SearchIndexFilled(Observed, frozen=True, kw_only=True, tag=True):
    """An index has everything that its backend has."""

    collection: str
    records: int  # tombstones too


class SearchMeasured(Observed, frozen=True, kw_only=True, tag=True):
    """How far an index is behind."""

    collection: str
    records: int
    complete: bool


class DecryptionRefused(Observed, frozen=True, kw_only=True, tag=True):
    """An encrypted value was asked for and cannot be read; nothing of it was shown."""

    collection: str
    noun: str  # one record of the collection, in metric labels
    field: str
    key: str  # of the record
    detail: str


class RecordsRewrapped(Observed, frozen=True, kw_only=True, tag=True):
    """A pass over a collection has encrypted records anew."""

    collection: str
    noun: str  # one record of the collection, in metric labels
    records: int
    unreadable: int  # records that it had to leave as they are


class RewrapFailed(Observed, frozen=True, kw_only=True, tag=True):
    """A pass ended early, or had to leave a record; another one follows."""

    collection: str
    error: str  # stable code
    detail: str


class SpansDropped(Observed, frozen=True, kw_only=True, tag=True):
    """Spans will never be seen: the collector has not taken them, or too many waited for it."""

    count: int


class TracesLost(Observed, frozen=True, kw_only=True, tag=True):
    """The same, said at most once a minute; nothing but traces is concerned."""

    spans: int  # since this was said last
    detail: str
