"""What a store and its driver say, in the words of the port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, MaxRetryError

from domain.errors import BackendExhausted, BackendUnavailable, ObjectExists, ObjectNotFound, PersistenceError

_EXISTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_FULL = frozenset({"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage"})
RETRY_SECONDS = 5.0


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


def _refusal(endpoint: str, name: str, error: S3Error) -> PersistenceError:
    if error.code in ("NoSuchKey", "ResourceNotFound"):
        return ObjectNotFound(f"There is no object {name}.")
    if error.code in _EXISTS:
        return ObjectExists(f"There is an object {name} already.")
    kind = BackendExhausted if error.code in _FULL else BackendUnavailable
    reason = f"The object store at {endpoint} refuses: {error.code}: {error.message or 'without a reason'}"
    return kind(reason, retry_after=RETRY_SECONDS)


def _silence(endpoint: str, reason: str) -> BackendUnavailable:
    return BackendUnavailable(f"The object store at {endpoint} does not answer: {reason}.", retry_after=RETRY_SECONDS)


def _first_line(error: BaseException) -> str:
    text = str(error).partition(": ")[2] or str(error) or type(error).__name__
    return text.strip().splitlines()[0][:200].rstrip(".")
