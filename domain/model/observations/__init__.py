"""Everything worth logging, counting or tracing, as one tagged union: services report, adapters decide what to do."""

from __future__ import annotations

from domain.model.observations.beside import (
    CacheAsked,
    CacheFailed,
    CacheLost,
    CacheRegained,
    DecryptionRefused,
    ObjectStoreLost,
    ObjectStoreRegained,
    OrphansCollected,
    RecordsRewrapped,
    RewrapFailed,
    SearchIndexBehind,
    SearchIndexFilled,
    SearchIndexLost,
    SearchIndexRegained,
    SearchMeasured,
    SpansDropped,
    SweepFailed,
    TracesLost,
)
from domain.model.observations.flushing import (
    BackendAbsent,
    BackendLost,
    BackendRegained,
    BatchFlushed,
    CollectionPaused,
    DeadLettersMeasured,
    DeadLettersPurged,
    DeadLettersReplayed,
    FlushFailed,
    FlushRecovered,
    LaneMeasured,
    RecordDeadLettered,
    RecordsDiscarded,
    RecordsExpired,
    RetentionFailed,
    StorageOperated,
    WritesConflicted,
)
from domain.model.observations.journaling import (
    BufferLost,
    BufferMeasured,
    FrameQuarantined,
    JournalBroken,
    LogReplayed,
    PartitionLost,
    PartitionTaken,
    TornTailCut,
)
from domain.model.observations.requests import (
    QuotasDegraded,
    QuotasShared,
    RecordsAccepted,
    RequestFailed,
    RequestServed,
    RequestsLimited,
)
from domain.model.observations.root import Observed
from domain.model.observations.running import (
    AdministratorActed,
    CertificateRefused,
    CertificateRenewed,
    ConfigurationReloaded,
    IssuerLost,
    IssuerRegained,
    KeyStoreLost,
    KeyStoreRegained,
    ReloadRefused,
    ServiceStarted,
    ServiceStarting,
    ServiceStopped,
    UncleanStart,
    WorkerEnded,
    WorkerStarted,
)

Observation = (
    RequestServed
    | RequestFailed
    | RequestsLimited
    | QuotasDegraded
    | QuotasShared
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
    | WritesConflicted
    | RecordsExpired
    | RetentionFailed
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
    | SearchIndexLost
    | SearchIndexRegained
    | SearchIndexBehind
    | SearchIndexFilled
    | SearchMeasured
    | CertificateRenewed
    | CertificateRefused
    | DecryptionRefused
    | RecordsRewrapped
    | RewrapFailed
    | SpansDropped
    | TracesLost
    | ConfigurationReloaded
    | ReloadRefused
    | IssuerLost
    | IssuerRegained
    | KeyStoreLost
    | KeyStoreRegained
    | AdministratorActed
)

__all__ = [
    "AdministratorActed",
    "BackendAbsent",
    "BackendLost",
    "BackendRegained",
    "BatchFlushed",
    "BufferLost",
    "BufferMeasured",
    "CacheAsked",
    "CacheFailed",
    "CacheLost",
    "CacheRegained",
    "CertificateRefused",
    "CertificateRenewed",
    "CollectionPaused",
    "ConfigurationReloaded",
    "DeadLettersMeasured",
    "DeadLettersPurged",
    "DeadLettersReplayed",
    "DecryptionRefused",
    "FlushFailed",
    "FlushRecovered",
    "FrameQuarantined",
    "IssuerLost",
    "IssuerRegained",
    "JournalBroken",
    "KeyStoreLost",
    "KeyStoreRegained",
    "LaneMeasured",
    "LogReplayed",
    "ObjectStoreLost",
    "ObjectStoreRegained",
    "Observation",
    "Observed",
    "OrphansCollected",
    "PartitionLost",
    "PartitionTaken",
    "QuotasDegraded",
    "QuotasShared",
    "RecordDeadLettered",
    "RecordsAccepted",
    "RecordsDiscarded",
    "RecordsExpired",
    "RecordsRewrapped",
    "ReloadRefused",
    "RequestFailed",
    "RequestServed",
    "RequestsLimited",
    "RetentionFailed",
    "RewrapFailed",
    "SearchIndexBehind",
    "SearchIndexFilled",
    "SearchIndexLost",
    "SearchIndexRegained",
    "SearchMeasured",
    "ServiceStarted",
    "ServiceStarting",
    "ServiceStopped",
    "SpansDropped",
    "StorageOperated",
    "SweepFailed",
    "TornTailCut",
    "TracesLost",
    "UncleanStart",
    "WorkerEnded",
    "WorkerStarted",
    "WritesConflicted",
]
