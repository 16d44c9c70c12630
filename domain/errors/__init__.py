"""Everything that can go wrong, as one tree. A class is a condition; its ``code`` never changes once published.

PersistenceError
├── InvalidRequest             the caller's text cannot be used
│   ├── MalformedBody          not JSON, or JSON beyond the door's limits
│   ├── InvalidParameter       a query parameter, path word or header that means nothing here
│   ├── CredentialInAddress    a key or token in the query string
│   ├── InvalidCursor          a page cursor that was edited, or belongs to another query
│   └── BodyTooSlow            the body did not arrive in time
├── Unauthenticated            no credential, or one that is not valid (any longer)
├── MissingScope               the caller is known, and may not do this
├── ForeignOrigin              a page of another site asks, where nobody has to authenticate
├── InvalidRecords             decodable JSON that breaks a declared rule
├── DigestMismatch             the content is not what its digest says
│   └── ChecksumMismatch       ... a piece of it is not what its checksum says
├── PayloadTooLarge            more bytes or records than one request may carry
├── UnsupportedMediaType       a body in a form that is not read here
├── NotFound
│   ├── RouteNotFound          no such address
│   ├── MethodNotAllowed       the address exists, the method does not
│   ├── RecordNotFound         no visible record under this key
│   ├── ReceiptNotFound        not a receipt, or one that was never given
│   ├── ReceiptElsewhere       a receipt of another instance
│   ├── ObjectNotFound         the content of a file is not in the object store
│   ├── UploadNotFound         no upload has this id, or no longer
│   ├── KeyNotFound            no API key has this id
│   ├── DeadLetterNotFound     no dead letter has this id
│   └── UnknownCollection      no collection of this name is declared
├── Conflict
│   ├── WriteConflict          the record changed while a conditional write was on its way
│   ├── ValueTaken             another record has the value of a field that no two share
│   ├── UploadOffsetMismatch   content that does not go on where the upload is
│   ├── UploadIncomplete       an upload of which something is missing
│   ├── ObjectExists           an object of this name was put before, or at the same time
│   ├── VersionStale           the write is older than what is stored
│   │   └── OutrankedByDelete  ... which is a tombstone
│   ├── NotReplayable          a dead letter of which no record is left
│   │   └── FrameDamaged       ... because its frame in the journal was damaged on disk
│   ├── SessionFinished        a finished session has nothing to restore
│   └── IdempotencyKeyInProgress a request with this key is on its way
├── IdempotencyKeyReused       the key was used for another request
├── PreconditionFailed         If-Match names another version than the visible one
├── ProtocolVersionUnknown     the upload protocol is not spoken in this version
├── RangeNotSatisfiable        a part of a file that is past its end
├── AbilityMissing             the backend (or this release) does not offer what was asked
│   └── KeyringMissing         no keys are configured that fields could be encrypted by
├── Unavailable                try again later; nothing was lost, nothing was half-written
│   ├── BufferFull             the pending log is at its limit
│   ├── SlowDown               much waits, and most of it is this client's
│   │   └── QuotaExceeded        the caller has asked as often as it may in this minute
│   ├── Replaying              the pending log is still being indexed after a start
│   ├── FlushIncomplete        records still wait for their backend
│   ├── JournalFull            the disk under the journal takes no more
│   ├── JournalFailed          an fsync failed; nothing is acknowledged from here on
│   ├── DeadLettersFull        the dead letters are at their limit: what is refused has no place
│   ├── JournalUnreachable     the shared buffer does not answer
│   │   └── JournalRefused       it says that it takes nothing, or nothing could be sent to it
│   ├── SearchIncomplete       the search index lacks records that are stored
│   ├── KeysUnreachable        the store of the API keys does not answer, and the key is not known here
│   ├── LeaseLost              another worker drains the partition by now
│   ├── AuditFailed            what administrators do cannot be written down
│   ├── Draining               the service is shutting down
│   └── BackendError           what a backend answers when it cannot do its work; itself: in words nobody knows
│       ├── BackendUnavailable   gone, refused, timed out: retry for ever
│       ├── BackendContended     lock or deadlock: retry soon
│       ├── BackendExhausted     disk full, out of memory: retry slowly, alarm
│       ├── SchemaMismatch       a table, column or right is missing: pause, alarm
│       ├── RecordRefused        one record of the batch is the cause
│       │   └── RecordOutdated   ... which was journaled under former rules, and breaks those of today
│       ├── StatementTooLarge    the records are too many at once: split them
│       └── BackendCorrupt       the store reports damage: stop writing to it
├── DeadlineExceeded
│   └── QueryTimeout           a statement ran into its deadline
├── DecryptionFailed           an encrypted value was changed, or its key is missing
├── UnexpectedFailure          a bug of ours; the log has the details under the request's id
└── StartFailure               the process cannot start (exit 78)
    ├── InvalidConfiguration   a key is unknown, missing or has a wrong value
    ├── UnknownBackend         a backend's name or type that is not there, or broken
    ├── DataFolderUnusable     missing rights, read-only, or not a folder
    ├── DataFolderLocked       another process serves this folder
    └── AddressInUse           the port is taken
"""

from __future__ import annotations

from domain.errors.access import (
    CredentialInAddress,
    ForeignOrigin,
    KeyNotFound,
    KeysUnreachable,
    MissingScope,
    Unauthenticated,
)
from domain.errors.outages import (
    AuditFailed,
    BackendContended,
    BackendCorrupt,
    BackendError,
    BackendExhausted,
    BackendUnavailable,
    BufferFull,
    DeadLettersFull,
    DeadlineExceeded,
    DecryptionFailed,
    Draining,
    FlushIncomplete,
    JournalFailed,
    JournalFull,
    JournalRefused,
    JournalUnreachable,
    LeaseLost,
    QueryTimeout,
    QuotaExceeded,
    RecordOutdated,
    RecordRefused,
    Replaying,
    SchemaMismatch,
    SearchIncomplete,
    SlowDown,
    StatementTooLarge,
    Unavailable,
    UnexpectedFailure,
)
from domain.errors.requests import (
    AbilityMissing,
    BodyTooSlow,
    ChecksumMismatch,
    Conflict,
    DeadLetterNotFound,
    DigestMismatch,
    FrameDamaged,
    IdempotencyKeyInProgress,
    IdempotencyKeyReused,
    InvalidCursor,
    InvalidParameter,
    InvalidRecords,
    InvalidRequest,
    KeyringMissing,
    MalformedBody,
    MethodNotAllowed,
    NotFound,
    NotReplayable,
    ObjectExists,
    ObjectNotFound,
    OutrankedByDelete,
    PayloadTooLarge,
    PreconditionFailed,
    ProtocolVersionUnknown,
    RangeNotSatisfiable,
    ReceiptElsewhere,
    ReceiptNotFound,
    RecordNotFound,
    RouteNotFound,
    SessionFinished,
    UnknownCollection,
    UnsupportedMediaType,
    UploadIncomplete,
    UploadNotFound,
    UploadOffsetMismatch,
    ValueTaken,
    VersionStale,
    WriteConflict,
)
from domain.errors.root import (
    ItemError,
    PersistenceError,
)
from domain.errors.starting import (
    AddressInUse,
    DataFolderLocked,
    DataFolderUnusable,
    InvalidConfiguration,
    StartFailure,
    UnknownBackend,
    missing_driver,
)

__all__ = [
    "AbilityMissing",
    "AddressInUse",
    "AuditFailed",
    "BackendContended",
    "BackendCorrupt",
    "BackendError",
    "BackendExhausted",
    "BackendUnavailable",
    "BodyTooSlow",
    "BufferFull",
    "ChecksumMismatch",
    "Conflict",
    "CredentialInAddress",
    "DataFolderLocked",
    "DataFolderUnusable",
    "DeadLetterNotFound",
    "DeadLettersFull",
    "DeadlineExceeded",
    "DecryptionFailed",
    "DigestMismatch",
    "Draining",
    "FlushIncomplete",
    "ForeignOrigin",
    "FrameDamaged",
    "IdempotencyKeyInProgress",
    "IdempotencyKeyReused",
    "InvalidConfiguration",
    "InvalidCursor",
    "InvalidParameter",
    "InvalidRecords",
    "InvalidRequest",
    "ItemError",
    "JournalFailed",
    "JournalFull",
    "JournalRefused",
    "JournalUnreachable",
    "KeyNotFound",
    "KeyringMissing",
    "KeysUnreachable",
    "LeaseLost",
    "MalformedBody",
    "MethodNotAllowed",
    "MissingScope",
    "NotFound",
    "NotReplayable",
    "ObjectExists",
    "ObjectNotFound",
    "OutrankedByDelete",
    "PayloadTooLarge",
    "PersistenceError",
    "PreconditionFailed",
    "ProtocolVersionUnknown",
    "QueryTimeout",
    "QuotaExceeded",
    "RangeNotSatisfiable",
    "ReceiptElsewhere",
    "ReceiptNotFound",
    "RecordNotFound",
    "RecordOutdated",
    "RecordRefused",
    "Replaying",
    "RouteNotFound",
    "SchemaMismatch",
    "SearchIncomplete",
    "SessionFinished",
    "SlowDown",
    "StartFailure",
    "StatementTooLarge",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedFailure",
    "UnknownBackend",
    "UnknownCollection",
    "UnsupportedMediaType",
    "UploadIncomplete",
    "UploadNotFound",
    "UploadOffsetMismatch",
    "ValueTaken",
    "VersionStale",
    "WriteConflict",
    "missing_driver",
]
