"""What passes: nothing was lost, nothing was half-written, and later it works again."""

from __future__ import annotations

from domain.errors.root import PersistenceError


class Unavailable(PersistenceError):
    """The service cannot do this now."""

    code = "unavailable"
    cure = "Repeat the request after `Retry-After` seconds."


class BufferFull(Unavailable):
    """The pending log is full; nothing of this request was taken."""

    code = "buffer_full"
    cure = "Repeat after `Retry-After` seconds; look at `/api/v1/system/buffers` for what holds it up."


class SlowDown(Unavailable):
    """Much waits, and most of it is this client's; nothing of this request was taken."""

    code = "slow_down"
    cure = "Repeat after `Retry-After` seconds, and send less at once from then on."


class QuotaExceeded(SlowDown):
    """The caller has asked as often as it may in this minute."""

    code = "quota_exceeded"
    cure = "Repeat after `Retry-After` seconds; ask less often, or have the quota raised (`[quotas]`)."


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
    cure = "Free space on the data folder's disk, or give Redis memory; acknowledged records are safe."


class JournalFailed(Unavailable):
    """The journal's disk failed; nothing is acknowledged until the service was restarted."""

    code = "journal_failed"
    cure = "Check the disk, then restart; records acknowledged before are still in the journal."


class DeadLettersFull(Unavailable):
    """The dead letters are at their limit, so that nothing more of their collection is stored."""

    code = "dead_letters_full"
    cure = "Replay or purge some (`persistence dead-letters`), or raise `dead_letters.max_records` and `max_bytes`."


class JournalUnreachable(Unavailable):
    """The shared buffer does not answer; the request may or may not have been taken."""

    code = "journal_unreachable"
    cure = "Bring Redis up as the detail says, and repeat the request; records acknowledged before are in it."


class JournalRefused(JournalUnreachable):
    """The shared buffer takes nothing now; nothing of this request was taken."""

    code = "journal_refused"
    cure = "Let Redis take writes again, as the detail says, and repeat the request; acknowledged records are safe."


class SearchIncomplete(Unavailable):
    """The index lacks records that are stored."""

    code = "search_incomplete"
    cure = "Wait until the index is filled; where the detail says so, fill it by `persistence search rebuild`."


class LeaseLost(Unavailable):
    """Another worker drains the partition by now."""

    code = "lease_lost"
    cure = "Nothing has to be done: the other worker goes on where the watermark is."


class AuditFailed(Unavailable):
    """What administrators do cannot be written down."""

    code = "audit_failed"
    cure = "Make room where the service's log goes, or bring its reader back; look at what the detail says was done."


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

    def __init__(self, detail: str = "", *, index: int | None = None, taken: bool = False) -> None:
        """``index``: the refused record's place in the batch, or None where the backend does not tell; ``taken``:
        another record has its value of the unique field.
        """
        super().__init__(detail)
        self.index = index
        self.taken = taken


class RecordOutdated(RecordRefused):
    """An acknowledged record does not keep the rules of today."""

    code = "invalid_record"
    cure = "The record stands in the dead letters; correct it there and replay it."


class StatementTooLarge(BackendError):
    """The storage backend takes no statement of this size."""

    code = "statement_too_large"
    cure = "Raise the server's `max_allowed_packet`, or that of the proxy in front of it."


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


class DecryptionFailed(PersistenceError):
    """An encrypted value cannot be read."""

    code = "decryption_failed"
    cure = "Give the keyring the key that the detail names; where the value was changed, take it from a backup."


class UnexpectedFailure(PersistenceError):
    """Something unexpected went wrong."""

    code = "internal_error"
    cure = "Look up the request id in the service's log and report it."
