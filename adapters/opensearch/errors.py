"""What OpenSearch and its driver say, in the words of the ports: the one place where they are translated."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from typing import Any

from opensearchpy.exceptions import ConnectionTimeout, TransportError

from domain.errors import (
    BackendContended,
    BackendCorrupt,
    BackendError,
    BackendExhausted,
    BackendUnavailable,
    RecordRefused,
    SchemaMismatch,
    StatementTooLarge,
)

RETRY_SECONDS = 5.0
_DETAIL_CHARS = 500
_VALUE = re.compile(r"'|: \"")  # where a reason begins to repeat one
_FULL = ("disk usage exceeded", "read-only / allow delete")  # what blocks an index whose disk is nearly full

_BY_TYPE: dict[str, type[BackendError]] = {
    "circuit_breaking_exception": BackendExhausted,
    "document_parsing_exception": RecordRefused,
    "mapper_parsing_exception": RecordRefused,
    "max_bytes_length_exceeded_exception": RecordRefused,
    "strict_dynamic_mapping_exception": SchemaMismatch,
    "index_not_found_exception": SchemaMismatch,
    "security_exception": SchemaMismatch,
    "cluster_block_exception": BackendUnavailable,
    "index_closed_exception": SchemaMismatch,
    "no_shard_available_action_exception": BackendUnavailable,
    "unavailable_shards_exception": BackendUnavailable,
    "validation_exception": BackendExhausted,  # a cluster that takes no more indexes
    "version_conflict_engine_exception": BackendContended,
    "corrupt_index_exception": BackendCorrupt,
    "translog_corrupted_exception": BackendCorrupt,
}
_BY_STATUS: dict[int, type[BackendError]] = {
    **dict.fromkeys((401, 403), SchemaMismatch),  # who may do what
    **dict.fromkeys((404,), SchemaMismatch),
    **dict.fromkeys((408, 429, 502, 503, 504), BackendUnavailable),  # too busy, starting, or away behind a proxy
    **dict.fromkeys((409,), BackendContended),
    **dict.fromkeys((413,), StatementTooLarge),
    **dict.fromkeys((507,), BackendExhausted),
}  # the rest is BackendError: nobody knows whether a record is to blame


def meaning(place: str, error: TransportError, seconds: float) -> BackendError:
    """What a failed call means; ``place``: the server in sentences, ``seconds``: that it was given."""
    if isinstance(error, ConnectionTimeout):
        return BackendUnavailable(f"{place} did not answer within {seconds:g} s.", retry_after=RETRY_SECONDS)
    if not isinstance(error.status_code, int):
        return BackendUnavailable(f"{place} cannot be reached: {_reason(error)}.", retry_after=RETRY_SECONDS)
    if error.status_code == 401:
        return SchemaMismatch(f"{place} refuses the user or the password (401).", retry_after=RETRY_SECONDS)
    found = error.info.get("error") if isinstance(error.info, dict) else None
    return refusal(place, error.status_code, found if isinstance(found, dict) else {"reason": found or error.error})


def refusal(place: str, status: int, error: Mapping[str, Any], *, index: int | None = None) -> BackendError:
    """What an error in an answer means: that of a call, or of one of the records in it (``index``).

    Any: a document of the server's.
    """
    said = _innermost(error) if index is None else str(error.get("reason", ""))  # inside of a record's is its value
    reason = _without_values(said)[:_DETAIL_CHARS].rstrip(".")
    kind = str(error.get("type", ""))
    sentence = f"{place} refuses ({' '.join(filter(None, (str(status), kind)))}): {reason}."
    found = _BY_TYPE.get(kind) or _BY_STATUS.get(status, BackendError)
    if any(words in reason for words in _FULL):
        found = BackendExhausted
    if found is RecordRefused or (index is not None and status == 400 and found is BackendError):
        return RecordRefused(sentence, index=index)
    return found(sentence, retry_after=RETRY_SECONDS)


def _without_values(reason: str) -> str:
    value = _VALUE.search(reason)
    return f"{reason[: value.start()]}…" if value else reason


def _innermost(error: Mapping[str, Any]) -> str:
    """The reason behind the reasons."""
    if roots := error.get("root_cause"):
        error = roots[0]
    while isinstance(error.get("caused_by"), dict):
        error = error["caused_by"]
    return str(error.get("reason") or "without a reason")


def _reason(error: TransportError) -> str:
    """Why no connection came about, in few words."""
    found = error.info
    cause = getattr(found, "certificate_error", None) or getattr(found, "os_error", None) or found
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message.rstrip(".")
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0 and not isinstance(cause, ssl.SSLError):
        return os.strerror(cause.errno)
    text = cause.strerror if isinstance(cause, OSError) else str(cause)
    return (text or type(cause).__name__).splitlines()[0][:_DETAIL_CHARS].rstrip(".")
