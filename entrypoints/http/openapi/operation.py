"""One row of the description of the API, and the problems that many operations share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from domain import errors
from domain.errors import PersistenceError
from entrypoints.http.call import Call
from entrypoints.http.media import JSON
from entrypoints.http.wire import Document

Handler = Callable[[Call], Awaitable[web.StreamResponse]]
Schema = type[msgspec.Struct] | str
"""A type, or the part of the route's collection that ``records.names_of`` knows, or a media type of free text."""

Problems = tuple[type[PersistenceError], ...]
ANY: Problems = (errors.InvalidRequest, errors.InvalidParameter, errors.UnexpectedFailure)
BODY: Problems = (
    errors.MalformedBody,
    errors.BodyTooSlow,
    errors.PayloadTooLarge,
    errors.UnsupportedMediaType,
    errors.InvalidRecords,
    errors.BufferFull,
)
READING: Problems = (
    errors.MalformedBody,
    errors.BodyTooSlow,
    errors.PayloadTooLarge,
    errors.UnsupportedMediaType,
)
JOURNAL: Problems = (
    errors.SlowDown,
    errors.BufferFull,
    errors.JournalFull,
    errors.JournalFailed,
    errors.JournalUnreachable,
    errors.JournalRefused,
    errors.Draining,
)
BACKEND: Problems = (
    errors.BackendUnavailable,
    errors.BackendContended,
    errors.BackendExhausted,
    errors.SchemaMismatch,
    errors.BackendCorrupt,
    errors.BackendError,
    errors.QueryTimeout,
)
STATE: Problems = (errors.BackendUnavailable, errors.BackendExhausted)  # of state.db
RELOAD: Problems = (errors.InvalidConfiguration, errors.UnknownBackend, errors.StartFailure, *BACKEND)
READ: Problems = (errors.Replaying, errors.DecryptionFailed, *BACKEND)
SETTLED: Problems = (errors.FlushIncomplete, errors.JournalFailed, *READ)
LIST: Problems = (errors.InvalidCursor, errors.AbilityMissing, *SETTLED)
CHANGE: Problems = (errors.AbilityMissing, *JOURNAL, *SETTLED)
KEYED: Problems = (
    errors.IdempotencyKeyInProgress,
    errors.IdempotencyKeyReused,
    errors.Replaying,
)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the description; the function's text is its summary."""

    tag: str
    answer: Schema | None = None  # None: no content
    status: int = 200
    media: str = JSON
    also: Mapping[int, Schema] = {}  # other good answers, by status
    page: bool = False  # also an HTML page, for people
    headers: tuple[str, ...] = ()  # of the answer
    bodies: Mapping[str, Schema] = {}  # by media type: a type, or a part of the collection
    optional_body: str | None = None  # JSON that may be left out, as a free schema
    accepted: bool = False  # may answer 202 with the same shape
    list: bool = False  # takes the parameters of lists
    filter: bool = False  # takes those of them that say which records are meant
    parameters: tuple[Document, ...] = ()
    unchanged: bool = False  # may answer 304
    cached: bool = False  # may answer from a cache
    problems: Problems = ()
