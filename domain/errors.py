"""Everything that can go wrong, as one tree. A class is a condition; its ``code`` never changes once published.

PersistenceError
├── InvalidRequest             the caller's text cannot be used
│   ├── MalformedBody          not JSON, or JSON beyond the door's limits
│   ├── InvalidParameter       a query parameter, path word or header that means nothing here
│   ├── InvalidCursor          a page cursor that was edited, or belongs to another query
│   └── BodyTooSlow            the body did not arrive in time
├── InvalidRecords             decodable JSON that breaks a declared rule
├── PayloadTooLarge            more bytes or records than one request may carry
├── UnsupportedMediaType       a body in a form that is not read here
├── NotFound
│   ├── RouteNotFound          no such address
│   ├── MethodNotAllowed       the address exists, the method does not
│   ├── RecordNotFound         no visible record under this key
│   ├── ReceiptNotFound        not a receipt, or one that was never given
│   ├── ReceiptElsewhere       a receipt of another instance
│   └── UnknownCollection      no collection of this name is declared
├── Conflict
│   ├── WriteConflict          the record changed while a conditional write was on its way
│   ├── VersionStale           the write is older than what is stored
│   └── SessionFinished        a finished session has nothing to restore
├── PreconditionFailed         If-Match names another version than the visible one
├── AbilityMissing             the backend (or this release) does not offer what was asked
├── Unavailable                try again later; nothing was lost, nothing was half-written
│   ├── BufferFull             the pending log is at its limit
│   ├── Replaying              the pending log is still being indexed after a start
│   ├── FlushIncomplete        records still wait for their backend
│   ├── JournalFull            the disk under the journal takes no more
│   ├── JournalFailed          an fsync failed; nothing is acknowledged from here on
│   ├── Draining               the service is shutting down
│   └── BackendError           what a backend answers when it cannot do its work
│       ├── BackendUnavailable   gone, refused, timed out: retry for ever
│       ├── BackendContended     lock or deadlock: retry soon
│       ├── BackendExhausted     disk full, out of memory: retry slowly, alarm
│       ├── SchemaMismatch       a table, column or right is missing: pause, alarm
│       ├── RecordRefused        one record of the batch is the cause
│       └── BackendCorrupt       the store reports damage: stop writing to it
├── DeadlineExceeded
│   └── QueryTimeout           a statement ran into its deadline
├── UnexpectedFailure          a bug of ours; the log has the details under the request's id
└── StartFailure               the process cannot start (exit 78)
    ├── InvalidConfiguration   a key is unknown, missing or has a wrong value
    ├── UnknownBackend         a backend's name or type that is not there
    ├── DataFolderUnusable     missing rights, read-only, or not a folder
    ├── DataFolderLocked       another process serves this folder
    └── AddressInUse           the port is taken
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class ItemError(msgspec.Struct, frozen=True, kw_only=True):
    """One fault inside a request, by place."""

    pointer: str  # JSON Pointer (RFC 6901) into the request body
    code: str  # stable word for the rule that was broken
    detail: str  # one sentence for a person


class PersistenceError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"
    cure: ClassVar[str] = "Look up the request id in the service's log."

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        """``detail``: one sentence for a person; ``retry_after``: seconds until a retry makes sense."""
        self.detail = detail or (type(self).__doc__ or "").strip().splitlines()[0]
        self.retry_after = retry_after
        super().__init__(self.detail)


class InvalidRequest(PersistenceError):
    """The request cannot be understood."""

    code = "invalid_request"
    cure = "Correct the request as the detail says; sending it again unchanged cannot succeed."


class MalformedBody(InvalidRequest):
    """The body is not JSON that this service reads."""

    code = "malformed_body"
    cure = "Send UTF-8 JSON: at most 30 levels deep, no NaN, no NUL, no lone surrogates, no giant numbers."


class InvalidParameter(InvalidRequest):
    """A parameter is unknown or has an impossible value."""

    code = "invalid_parameter"
    cure = "Use the parameters, fields and operators that the detail lists."


class InvalidCursor(InvalidRequest):
    """The cursor does not belong to this query."""

    code = "invalid_cursor"
    cure = "Pass `next_cursor` on unchanged, with the same filters and sort; or start again without a cursor."


class BodyTooSlow(InvalidRequest):
    """The body did not arrive in time."""

    code = "body_too_slow"
    cure = "Send the body without pauses, in smaller batches where the line is slow; nothing of it was taken."


class InvalidRecords(PersistenceError):
    """Records break a declared rule."""

    code = "invalid_records"
    cure = "Correct the records that `errors` points at. To change single fields of a stored record, use PATCH."

    def __init__(self, detail: str = "", *, errors: tuple[ItemError, ...] = (), accepted: int = 0) -> None:
        """``errors``: at most 100 places; ``accepted``: how many earlier records of a stream stay."""
        super().__init__(detail)
        self.errors = errors
        self.accepted = accepted


class PayloadTooLarge(PersistenceError):
    """The request carries more than one request may."""

    code = "payload_too_large"
    cure = "Send smaller batches, or stream NDJSON."


class UnsupportedMediaType(PersistenceError):
    """The body's content type or coding is not read here."""

    code = "unsupported_media_type"
    cure = "Send the header that the detail names."


class NotFound(PersistenceError):
    """There is nothing under this address."""

    code = "not_found"
    cure = "Check the address."


class RouteNotFound(NotFound):
    """No such address."""

    code = "route_not_found"
    cure = "`GET /` lists the addresses of this service."


class MethodNotAllowed(NotFound):
    """The address does not take this method."""

    code = "method_not_allowed"
    cure = "Use one of the methods that the `Allow` header lists; `GET /` lists every address."


class RecordNotFound(NotFound):
    """No record has this key."""

    code = "record_not_found"
    cure = "Check the key; a deleted record is gone from every answer."


class ReceiptNotFound(NotFound):
    """This is not a receipt of this service."""

    code = "receipt_not_found"
    cure = "Use the `receipt` of a 202 answer, unchanged."


class ReceiptElsewhere(NotFound):
    """The receipt was given by another instance."""

    code = "receipt_elsewhere"
    cure = "Ask the instance whose number the receipt begins with."


class UnknownCollection(NotFound):
    """No collection of this name is declared."""

    code = "unknown_collection"
    cure = "Declare the collection in the configuration."


class Conflict(PersistenceError):
    """The request does not fit the state of the record."""

    code = "conflict"
    cure = "Read the record again and decide anew."


class WriteConflict(Conflict):
    """The record changed while the write was on its way."""

    code = "write_conflict"
    cure = "Read the record again and repeat the change."


class VersionStale(Conflict):
    """The write is older than what is stored."""

    code = "version_stale"
    cure = "Send an `updated_at` that is not before the stored one, or leave it out."


class SessionFinished(Conflict):
    """A finished session has nothing to restore."""

    code = "session_finished"
    cure = "Only sessions with status `pending` or `processing` are restored; read this one with GET."


class PreconditionFailed(PersistenceError):
    """If-Match names another version than the visible one."""

    code = "precondition_failed"
    cure = "The answer carries the stored record and its ETag; merge and send again."

    def __init__(self, detail: str = "", *, current: msgspec.Struct | None = None) -> None:
        """``current``: the visible ``Record``, or None where there is none."""
        super().__init__(detail)
        self.current = current


class AbilityMissing(PersistenceError):
    """Neither the backend behind this collection nor this release can do that."""

    code = "ability_missing"
    cure = "Ask in another way, or route the collection to a backend that has the ability; `GET /` lists them."


class Unavailable(PersistenceError):
    """The service cannot do this now."""

    code = "unavailable"
    cure = "Repeat the request after `Retry-After` seconds."


class BufferFull(Unavailable):
    """The pending log is full; nothing of this request was taken."""

    code = "buffer_full"
    cure = "Repeat after `Retry-After` seconds; look at `/api/v1/system/buffers` for what holds it up."


class Replaying(Unavailable):
    """The pending log is still being read after a start."""

    code = "replaying"
    cure = "Repeat after `Retry-After` seconds; writes are taken meanwhile."


class FlushIncomplete(Unavailable):
    """Acknowledged records still wait for their backend."""

    code = "flush_incomplete"
    cure = "The records are safe in the journal. Look at `/api/v1/system/health` for the backend's state."


class JournalFull(Unavailable):
    """The disk under the journal takes no more; nothing of this request was taken."""

    code = "journal_full"
    cure = "Free space on the data folder's disk, or raise the limit; acknowledged records are safe."


class JournalFailed(Unavailable):
    """The journal's disk failed; nothing is acknowledged until the service was restarted."""

    code = "journal_failed"
    cure = "Check the disk, then restart; records acknowledged before are still in the journal."


class Draining(Unavailable):
    """The service is shutting down."""

    code = "draining"
    cure = "Repeat the request; another instance, or the restarted one, will take it."


class BackendError(Unavailable):
    """A storage backend could not do its work."""

    code = "backend_error"
    cure = "Look at `/api/v1/system/health` for the backend's state."


class BackendUnavailable(BackendError):
    """The storage backend does not answer."""

    code = "backend_unavailable"
    cure = "Bring the backend up; acknowledged records wait in the journal meanwhile."


class BackendContended(BackendError):
    """The storage backend is locked by another writer."""

    code = "backend_contended"
    cure = "Repeat the request; if it persists, find the process that holds the lock."


class BackendExhausted(BackendError):
    """The storage backend is out of disk or memory."""

    code = "backend_exhausted"
    cure = "Give the backend room; acknowledged records wait in the journal meanwhile."


class SchemaMismatch(BackendError):
    """A table, column or right is missing in the storage backend."""

    code = "schema_mismatch"
    cure = "Run `persistence migrate`, or grant the rights that the detail names."


class RecordRefused(BackendError):
    """The storage backend refuses one record."""

    code = "record_refused"
    cure = "The record stands in the dead letters with the backend's reason; correct it and send it again."

    def __init__(self, detail: str = "", *, index: int | None = None) -> None:
        """``index``: the refused record's place in the batch, or None where the backend does not tell."""
        super().__init__(detail)
        self.index = index


class BackendCorrupt(BackendError):
    """The storage backend reports that its data is damaged."""

    code = "backend_corrupt"
    cure = "Stop the service, check the store, restore it from a backup; the journal keeps what is not applied."


class DeadlineExceeded(PersistenceError):
    """The answer was not ready in time."""

    code = "deadline_exceeded"
    cure = "Ask for less, or raise the deadline."


class QueryTimeout(DeadlineExceeded):
    """The query ran into the statement deadline."""

    code = "query_timeout"
    cure = "Filter or sort by an indexed field, or page by cursor; the detail names the index that is missing."


class UnexpectedFailure(PersistenceError):
    """Something unexpected went wrong."""

    code = "internal_error"
    cure = "Look up the request id in the service's log and report it."


class StartFailure(PersistenceError):
    """The service cannot start."""

    code = "start_failure"
    cure = "Follow the sentence; the service exits with 78 until it can start."


class InvalidConfiguration(StartFailure):
    """The configuration has an unknown, missing or impossible key."""

    code = "invalid_configuration"
    cure = "Correct what the sentence names; `ops/example.toml` documents every key."


class UnknownBackend(StartFailure):
    """A backend is named that is not there."""

    code = "unknown_backend"
    cure = "Use a configured backend, or install the package that brings the type."


class DataFolderUnusable(StartFailure):
    """The data folder is none, or cannot be written."""

    code = "data_folder_unusable"
    cure = "Choose another folder with --data-dir, or give the service's user write access to this one."


class DataFolderLocked(StartFailure):
    """Another process serves this data folder."""

    code = "data_folder_locked"
    cure = "Stop the other process, or choose another folder with --data-dir."


class AddressInUse(StartFailure):
    """The address is taken by another process."""

    code = "address_in_use"
    cure = "Choose another port with --port, or stop the other process."
