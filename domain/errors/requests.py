"""What callers can mend: their request, or the state that it names."""

from __future__ import annotations

import msgspec

from domain.errors.root import ItemError, PersistenceError


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


class DigestMismatch(PersistenceError):
    """The content is not what its digest says; nothing of it was kept."""

    code = "digest_mismatch"
    cure = "Send the content again, with the SHA-256 of exactly its bytes in `Content-Digest`."


class ChecksumMismatch(DigestMismatch):
    """The content of this request is not what its checksum says; nothing of it was kept."""

    code = "checksum_mismatch"
    cure = "Send the same content again, with the checksum of exactly its bytes in `Upload-Checksum`."


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


class ObjectNotFound(NotFound):
    """The content of this file is not there."""

    code = "object_not_found"
    cure = "Ask again: the file may just have been replaced. If it persists, look at the object store."


class UploadNotFound(NotFound):
    """There is no upload of this id."""

    code = "upload_not_found"
    cure = "Begin a new upload; one that nothing was sent of for 24 hours, or that was ended, is gone."


class DeadLetterNotFound(NotFound):
    """No dead letter has this id."""

    code = "dead_letter_not_found"
    cure = "Use an `id` of `GET /api/v1/system/dead-letters`; a replayed or purged one is gone."


class UnknownCollection(NotFound):
    """No collection of this name is declared."""

    code = "unknown_collection"
    cure = "Use one of the names that `/api/v1/system/routes` lists."


class Conflict(PersistenceError):
    """The request does not fit the state of what it is about."""

    code = "conflict"
    cure = "Look at the state again and decide anew."


class WriteConflict(Conflict):
    """The record changed while the write was on its way."""

    code = "write_conflict"
    cure = "Read the record again and repeat the change."


class ValueTaken(Conflict):
    """Another record has this value already."""

    code = "value_taken"
    cure = "Send another value in the field that `errors` names, or change the record that has it."

    def __init__(self, detail: str = "", *, errors: tuple[ItemError, ...] = ()) -> None:
        """``errors``: the field, by place."""
        super().__init__(detail)
        self.errors = errors


class UploadOffsetMismatch(Conflict):
    """The content does not go on where the upload is."""

    code = "upload_offset_mismatch"
    cure = "Ask with HEAD how far the upload is, and go on from there."


class UploadIncomplete(Conflict):
    """Not all of the content has arrived."""

    code = "upload_incomplete"
    cure = "Send the rest, by the link or in pieces; then complete the upload."


class ObjectExists(Conflict):
    """There is an object of this name already."""

    code = "object_exists"
    cure = "Repeat the request; it takes a new name."


class VersionStale(Conflict):
    """The write is older than what is stored."""

    code = "version_stale"
    cure = "Send an `updated_at` that is not before the stored one, or leave it out."


class OutrankedByDelete(VersionStale):
    """The record was deleted with a later `updated_at` than that of the write."""

    code = "outranked_by_delete"
    cure = "If the record shall be there again, send it with an `updated_at` behind the delete, or without one."


class NotReplayable(Conflict):
    """Nothing is left of the record that could be replayed."""

    code = "not_replayable"
    cure = "Send the record again from where it came, then purge the dead letter."


class FrameDamaged(NotReplayable):
    """The journal's frame of this record was damaged on disk."""

    code = "frame_quarantined"
    cure = "Send the record again from where it came, then purge the dead letter. Check the disk."


class SessionFinished(Conflict):
    """A finished session has nothing to restore."""

    code = "session_finished"
    cure = "Only sessions with status `pending` or `processing` are restored; read this one with GET."


class IdempotencyKeyInProgress(Conflict):
    """A request with this key is on its way."""

    code = "idempotency_key_in_progress"
    cure = "Repeat after `Retry-After` seconds, with the same key and body, for the answer of the first one."


class IdempotencyKeyReused(PersistenceError):
    """The key was used for another request."""

    code = "idempotency_key_reused"
    cure = "Use a new key for each request, and the same key and body only to send a request again."


class PreconditionFailed(PersistenceError):
    """If-Match names another version than the visible one."""

    code = "precondition_failed"
    cure = "The answer carries the stored record and its ETag; merge and send again."

    def __init__(self, detail: str = "", *, current: msgspec.Struct | None = None) -> None:
        """``current``: the visible ``Record``, or None where there is none."""
        super().__init__(detail)
        self.current = current


class ProtocolVersionUnknown(PersistenceError):
    """The upload protocol's version is missing, or another one than this service speaks."""

    code = "protocol_version_unknown"
    cure = "Send `Tus-Resumable: 1.0.0`."


class RangeNotSatisfiable(PersistenceError):
    """The file has none of the bytes that the range names."""

    code = "range_not_satisfiable"
    cure = "`Content-Range` says how many bytes the file has; ask for some of them, or leave `Range` out."

    def __init__(self, detail: str = "", *, size: int = 0) -> None:
        """``size``: of the file, in bytes."""
        super().__init__(detail)
        self.size = size


class AbilityMissing(PersistenceError):
    """Neither the backend behind this collection nor this release can do that."""

    code = "ability_missing"
    cure = "Ask in another way, or route the collection to a backend that has the ability; `GET /` lists them."


class KeyringMissing(AbilityMissing):
    """There are no keys here that fields could be encrypted by."""

    code = "keyring_missing"
    cure = "`[keyring]` in the configuration names keys; `persistence keyring create` makes a file of them."
