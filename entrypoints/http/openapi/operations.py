"""What every operation takes, answers and may refuse, by the function that serves it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from domain import errors
from domain.errors import PersistenceError
from entrypoints.http.call import Call
from entrypoints.http.handlers import documents, probes, receipts, records, system, translation
from entrypoints.http.media import JSON, MERGE_PATCH, NDJSON
from entrypoints.http.openapi import parameters, shapes
from entrypoints.http.pages import HTML
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
JOURNAL: Problems = (errors.BufferFull, errors.JournalFull, errors.JournalFailed, errors.Draining)
BACKEND: Problems = (
    errors.BackendUnavailable,
    errors.BackendContended,
    errors.BackendExhausted,
    errors.SchemaMismatch,
    errors.BackendCorrupt,
    errors.BackendError,
    errors.QueryTimeout,
)
READ: Problems = (errors.Replaying, *BACKEND)
SETTLED: Problems = (errors.FlushIncomplete, errors.JournalFailed, *READ)
LIST: Problems = (errors.InvalidCursor, errors.AbilityMissing, *SETTLED)
CHANGE: Problems = (errors.AbilityMissing, *JOURNAL, *SETTLED)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the description; the function's text is its summary."""

    tag: str
    answer: Schema | None = None  # None: no content
    status: int = 200
    media: str = JSON
    page: bool = False  # also an HTML page, for people
    headers: tuple[str, ...] = ()  # of the answer
    bodies: Mapping[str, str] = {}  # the collection's part by media type
    list: bool = False  # takes the parameters of lists
    parameters: tuple[Document, ...] = ()
    unchanged: bool = False  # may answer 304
    problems: Problems = ()


OPERATIONS: Mapping[Handler, Operation] = {
    records.accept: Operation(
        tag="records",
        answer=shapes.Accepted,
        status=202,
        headers=("Location",),
        bodies={JSON: "batch", NDJSON: "draft"},
        parameters=(parameters.ACK, parameters.ON_ERROR),
        problems=(*BODY, *JOURNAL, errors.AbilityMissing),
    ),
    records.patch_many: Operation(
        tag="records",
        answer=shapes.Changes,
        bodies={JSON: "changes_batch", MERGE_PATCH: "changes_batch"},
        problems=(*BODY, *CHANGE),
    ),
    records.find: Operation(tag="records", answer="page", headers=("Link",), list=True, problems=LIST),
    records.get: Operation(
        tag="records",
        answer="record",
        headers=("ETag",),
        parameters=(parameters.IF_NONE_MATCH,),
        unchanged=True,
        problems=(errors.RecordNotFound, *READ),
    ),
    records.patch: Operation(
        tag="records",
        answer="record",
        headers=("ETag",),
        bodies={MERGE_PATCH: "changes", JSON: "changes"},
        parameters=(parameters.IF_MATCH,),
        problems=(
            errors.RecordNotFound,
            errors.PreconditionFailed,
            errors.WriteConflict,
            errors.VersionStale,
            errors.RecordRefused,
            *BODY,
            *CHANGE,
        ),
    ),
    records.delete: Operation(
        tag="records",
        status=204,
        parameters=(parameters.IF_MATCH,),
        problems=(errors.RecordNotFound, errors.PreconditionFailed, *CHANGE),
    ),
    translation.session_detail: Operation(
        tag="records",
        answer="detail",
        headers=("ETag",),
        parameters=(parameters.IF_NONE_MATCH,),
        unchanged=True,
        problems=(errors.RecordNotFound, errors.AbilityMissing, *READ),
    ),
    translation.session_tasks: Operation(tag="records", answer="page", headers=("Link",), list=True, problems=LIST),
    translation.incomplete_sessions: Operation(
        tag="recovery", answer="page", headers=("Link",), list=True, problems=LIST
    ),
    translation.restore: Operation(
        tag="recovery",
        answer="restored",
        problems=(errors.RecordNotFound, errors.SessionFinished, errors.AbilityMissing, *SETTLED),
    ),
    receipts.status: Operation(
        tag="receipts",
        answer=shapes.Receipt,
        headers=("Retry-After",),
        problems=(errors.ReceiptNotFound, errors.ReceiptElsewhere),
    ),
    system.info: Operation(tag="system", answer=shapes.Info),
    system.health: Operation(tag="system", answer=shapes.Health),
    system.stats: Operation(tag="system", answer=shapes.Statistics, problems=BACKEND),
    system.buffers: Operation(tag="system", answer=shapes.Buffers),
    system.flush: Operation(
        tag="system",
        answer=shapes.Flushed,
        parameters=(parameters.TIMEOUT,),
        problems=(errors.FlushIncomplete, errors.Replaying),
    ),
    probes.root: Operation(tag="about", answer=shapes.Root),
    probes.live: Operation(tag="about", answer=shapes.Live),
    probes.ready: Operation(tag="about", answer=shapes.Ready, problems=(errors.Unavailable, errors.JournalFailed)),
    probes.metrics: Operation(tag="about", answer="text", media="text/plain"),
    probes.problem: Operation(tag="about", answer=shapes.Explained, page=True, problems=(errors.RouteNotFound,)),
    documents.openapi: Operation(tag="about", answer="object"),
    documents.docs: Operation(tag="about", answer="text", media=HTML),
}
