"""What a store and its driver say, in the words of the port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, MaxRetryError

from adapters.minio.clock import ahead_of
from domain.errors import BackendExhausted, BackendUnavailable, ObjectExists, ObjectNotFound, PersistenceError

_EXISTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_FULL = frozenset({"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage"})
RETRY_SECONDS = 5.0
_DENIED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"})
_TOLERATED_SECONDS = 300.0  # between two clocks; less than any store tolerates


@contextmanager
def refusals(endpoint: str, name: str = "") -> Iterator[None]:
    """Raise what the port promises; ``name``: the object that it is about."""
    try:
        yield
    except S3Error as error:
        raise _refusal(endpoint, name, error) from error
    except (InvalidResponseError, ServerError, MinioException) as error:
        raise _silence(endpoint, f"it answers with an error that is not S3's ({_first_line(error)})") from error
    except MaxRetryError as error:
        raise _silence(endpoint, _first_line(error.reason or error)) from error
    except (HTTPError, OSError) as error:
        raise _silence(endpoint, _first_line(error)) from error


def are_keys_refused(error: S3Error) -> bool:
    """Whether it is the keys, or their rights, for which a request was refused, and not the clocks."""
    return error.code in _DENIED and abs(_seconds_apart(error)) <= _TOLERATED_SECONDS


def _refusal(endpoint: str, name: str, error: S3Error) -> PersistenceError:
    if error.code in ("NoSuchKey", "ResourceNotFound"):
        return ObjectNotFound(f"There is no object {name}.")
    if error.code in _EXISTS:
        return ObjectExists(f"There is an object {name} already.")
    kind = BackendExhausted if error.code in _FULL else BackendUnavailable
    reason, apart = error.message or "without a reason", _seconds_apart(error)
    if error.code in _DENIED and abs(apart) > _TOLERATED_SECONDS:
        place = "ahead of" if apart > 0 else "behind"
        reason = f"the clock here is {abs(apart):.0f} s {place} the one there. Set both right (NTP)"
    return kind(f"The object store at {endpoint} refuses: {error.code}: {reason}", retry_after=RETRY_SECONDS)


def _seconds_apart(error: S3Error) -> float:
    """How far the clock here is ahead of the store's, which refuses what comes from one that is minutes off."""
    ahead = ahead_of(error.response.headers.get("Date"))
    return ahead.total_seconds() if ahead else 0.0


def _silence(endpoint: str, reason: str) -> BackendUnavailable:
    return BackendUnavailable(f"The object store at {endpoint} does not answer: {reason}.", retry_after=RETRY_SECONDS)


def _first_line(error: BaseException) -> str:
    text = str(error).partition(": ")[2] or str(error) or type(error).__name__
    return text.strip().splitlines()[0][:200].rstrip(".")
