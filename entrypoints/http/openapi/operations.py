"""What every operation takes, answers and may refuse, by the function that serves it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from domain import errors
from domain.errors import PersistenceError
from entrypoints.http import idempotency, tus
from entrypoints.http.call import Call
from entrypoints.http.handlers import (
    dead_letters,
    documents,
    files,
    probes,
    receipts,
    records,
    search,
    system,
    translation,
    uploads,
)
from entrypoints.http.media import JSON, MERGE_PATCH, NDJSON, OCTETS
from entrypoints.http.openapi import parameters, shapes
from entrypoints.http.openapi import search as searches
from entrypoints.http.openapi.uploads import Upload
from entrypoints.http.pages import HTML
from entrypoints.http.upload import FORM
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
UPLOAD: Problems = (
    errors.MalformedBody,
    errors.BodyTooSlow,
    errors.PayloadTooLarge,
    errors.UnsupportedMediaType,
    errors.InvalidRecords,
    errors.DigestMismatch,
    errors.PreconditionFailed,
    errors.WriteConflict,
    errors.Unavailable,
)
STATE: Problems = (errors.BackendUnavailable, errors.BackendExhausted)  # of state.db
RELOAD: Problems = (errors.InvalidConfiguration, errors.UnknownBackend, errors.StartFailure, *BACKEND)
READ: Problems = (errors.Replaying, *BACKEND)
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
    bodies: Mapping[str, str] = {}  # the collection's part by media type
    optional_body: str | None = None  # JSON that may be left out, as a free schema
    accepted: bool = False  # may answer 202 with the same shape
    list: bool = False  # takes the parameters of lists
    parameters: tuple[Document, ...] = ()
    unchanged: bool = False  # may answer 304
    cached: bool = False  # may answer from a cache
    problems: Problems = ()


_UPLOADED = ("Tus-Resumable", "Upload-Offset", "Upload-Expires", "Content-Location")
_RESUMABLE: Problems = (
    errors.UploadNotFound,
    errors.UploadOffsetMismatch,
    errors.ChecksumMismatch,
    errors.ProtocolVersionUnknown,
    *UPLOAD,
    *CHANGE,
)

OPERATIONS: Mapping[Handler, Operation] = {
    records.accept: Operation(
        tag="records",
        answer=shapes.Accepted,
        status=202,
        headers=("Location", idempotency.REPLAYED),
        bodies={JSON: "batch", NDJSON: "draft"},
        also={200: shapes.Written},
        parameters=(parameters.ACK, parameters.STORED_TIMEOUT, parameters.ON_ERROR, parameters.IDEMPOTENCY_KEY),
        problems=(*BODY, *JOURNAL, *KEYED),
    ),
    records.patch_many: Operation(
        tag="records",
        answer=shapes.Changes,
        headers=(idempotency.REPLAYED,),
        parameters=(parameters.IDEMPOTENCY_KEY,),
        bodies={JSON: "changes_batch", MERGE_PATCH: "changes_batch"},
        problems=(*BODY, *CHANGE, *KEYED),
    ),
    records.find: Operation(tag="records", answer="page", headers=("Link",), list=True, cached=True, problems=LIST),
    records.replace_many: Operation(
        tag="records",
        answer=shapes.Changes,
        headers=(idempotency.REPLAYED,),
        parameters=(parameters.IDEMPOTENCY_KEY,),
        bodies={JSON: "batch"},
        problems=(*BODY, *CHANGE, *KEYED),
    ),
    records.create: Operation(
        tag="records",
        answer="record",
        status=201,
        headers=("Location", "ETag", idempotency.REPLAYED),
        parameters=(parameters.IDEMPOTENCY_KEY,),
        bodies={JSON: "new"},
        problems=(errors.ValueTaken, errors.WriteConflict, errors.RecordRefused, *BODY, *CHANGE, *KEYED),
    ),
    records.get: Operation(
        tag="records",
        answer="record",
        cached=True,
        headers=("ETag",),
        parameters=(parameters.IF_NONE_MATCH, parameters.RECEIPT),
        unchanged=True,
        problems=(errors.RecordNotFound, errors.ReceiptNotFound, errors.FlushIncomplete, *READ),
    ),
    records.patch: Operation(
        tag="records",
        answer="record",
        headers=("ETag", idempotency.REPLAYED),
        bodies={MERGE_PATCH: "changes", JSON: "changes"},
        parameters=(parameters.IF_MATCH, parameters.IDEMPOTENCY_KEY),
        problems=(
            errors.RecordNotFound,
            errors.PreconditionFailed,
            errors.WriteConflict,
            errors.ValueTaken,
            errors.VersionStale,
            errors.RecordRefused,
            *BODY,
            *CHANGE,
            *KEYED,
        ),
    ),
    records.delete: Operation(
        tag="records",
        status=204,
        headers=(idempotency.REPLAYED,),
        parameters=(parameters.IF_MATCH, parameters.IDEMPOTENCY_KEY),
        problems=(errors.RecordNotFound, errors.PreconditionFailed, *CHANGE, *KEYED),
    ),
    translation.session_detail: Operation(
        tag="records",
        answer="detail",
        cached=True,
        headers=("ETag",),
        parameters=(parameters.IF_NONE_MATCH, parameters.RECEIPT),
        unchanged=True,
        problems=(errors.RecordNotFound, errors.ReceiptNotFound, errors.FlushIncomplete, errors.AbilityMissing, *READ),
    ),
    translation.session_tasks: Operation(
        tag="records", answer="page", headers=("Link",), list=True, cached=True, problems=LIST
    ),
    translation.incomplete_sessions: Operation(
        tag="recovery", answer="page", headers=("Link",), list=True, cached=True, problems=LIST
    ),
    translation.restore: Operation(
        tag="recovery",
        answer="restored",
        problems=(errors.RecordNotFound, errors.SessionFinished, errors.AbilityMissing, *SETTLED),
    ),
    files.create_file: Operation(
        tag="files",
        answer="record",
        status=201,
        headers=("Location", "ETag"),
        bodies={OCTETS: "binary", FORM: "form"},
        parameters=(parameters.FILE_NAME, parameters.CONTENT_DIGEST),
        problems=(*UPLOAD, *CHANGE),
    ),
    files.put_file: Operation(
        tag="files",
        answer="record",
        status=201,
        also={200: "record"},
        headers=("Location", "ETag"),
        bodies={OCTETS: "binary"},
        parameters=(
            parameters.FILE_NAME,
            parameters.CONTENT_DIGEST,
            parameters.IF_MATCH,
            parameters.IF_NONE_THERE,
        ),
        problems=(*UPLOAD, *CHANGE),
    ),
    files.file_content: Operation(
        tag="files",
        answer="binary",
        media="*/*",
        headers=("ETag", "Content-Disposition", "Repr-Digest"),
        parameters=(parameters.RANGE, parameters.IF_RANGE, parameters.IF_NONE_MATCH),
        also={206: "binary"},
        unchanged=True,
        problems=(
            errors.RecordNotFound,
            errors.ObjectNotFound,
            errors.RangeNotSatisfiable,
            errors.AbilityMissing,
            *READ,
        ),
    ),
    search.find: Operation(
        tag="search",
        answer=searches.SearchPage,
        parameters=searches.PARAMETERS,
        problems=(
            errors.InvalidCursor,
            errors.UnknownCollection,
            errors.AbilityMissing,
            errors.SearchIncomplete,
            *SETTLED,
        ),
    ),
    search.rebuild: Operation(
        tag="search",
        answer=searches.Rebuilding,
        status=202,
        parameters=(searches.REBUILT,),
        problems=(errors.UnknownCollection, errors.AbilityMissing),
    ),
    uploads.upload_abilities: Operation(
        tag="files", status=204, headers=("Tus-Resumable", "Tus-Version"), problems=(errors.AbilityMissing,)
    ),
    uploads.begin_upload: Operation(
        tag="files",
        status=201,
        headers=("Location", *_UPLOADED),
        parameters=(parameters.TUS, parameters.UPLOAD_LENGTH, parameters.UPLOAD_METADATA),
        problems=_RESUMABLE,
    ),
    uploads.upload_state: Operation(
        tag="files", answer=Upload, headers=("Upload-Length", *_UPLOADED), problems=_RESUMABLE
    ),
    uploads.append_upload: Operation(
        tag="files",
        status=204,
        headers=_UPLOADED,
        bodies={tus.OFFSET_OCTETS: "binary"},
        parameters=(parameters.TUS, parameters.UPLOAD_OFFSET, parameters.UPLOAD_CHECKSUM),
        problems=_RESUMABLE,
    ),
    uploads.end_upload: Operation(
        tag="files", status=204, headers=("Tus-Resumable",), parameters=(parameters.TUS,), problems=_RESUMABLE
    ),
    uploads.overridden_upload: Operation(
        tag="files",
        status=204,
        headers=("Tus-Resumable",),
        parameters=(parameters.TUS, parameters.OVERRIDE),
        problems=(errors.MethodNotAllowed, *_RESUMABLE),
    ),
    receipts.status: Operation(
        tag="receipts",
        answer=shapes.Receipt,
        headers=("Retry-After",),
        problems=(errors.ReceiptNotFound, errors.ReceiptElsewhere),
    ),
    dead_letters.find: Operation(
        tag="dead letters",
        answer=shapes.DeadLetterPage,
        headers=("Link",),
        parameters=(*parameters.LETTERS, *parameters.LETTER_PAGE),
        problems=(errors.InvalidCursor, errors.UnknownCollection, *STATE),
    ),
    dead_letters.get: Operation(
        tag="dead letters", answer=shapes.DeadLetter, problems=(errors.DeadLetterNotFound, *STATE)
    ),
    dead_letters.replay: Operation(
        tag="dead letters",
        answer=shapes.ReplayedLetter,
        optional_body="object",
        accepted=True,
        parameters=(parameters.OUTCOME,),
        problems=(
            errors.DeadLetterNotFound,
            errors.NotReplayable,
            errors.Conflict,
            *BODY,
            *JOURNAL,
            *STATE,
        ),
    ),
    dead_letters.replay_many: Operation(
        tag="dead letters",
        answer=shapes.ReplayedLetters,
        parameters=(*parameters.LETTERS, parameters.EVERYTHING, *parameters.SWEEP, parameters.OUTCOME),
        problems=(errors.InvalidCursor, errors.UnknownCollection, *JOURNAL, *STATE),
    ),
    dead_letters.purge: Operation(tag="dead letters", status=204, problems=(errors.DeadLetterNotFound, *STATE)),
    dead_letters.purge_many: Operation(
        tag="dead letters",
        answer=shapes.PurgedLetters,
        parameters=(*parameters.LETTERS, parameters.EVERYTHING),
        problems=(errors.UnknownCollection, *STATE),
    ),
    system.info: Operation(tag="system", answer=shapes.Info),
    system.health: Operation(tag="system", answer=shapes.Health),
    system.stats: Operation(cached=True, tag="system", answer=shapes.Statistics, problems=BACKEND),
    system.buffers: Operation(tag="system", answer=shapes.Buffers),
    system.prepare: Operation(
        tag="system",
        answer=shapes.PreparedBackend,
        parameters=(parameters.TOWARDS, parameters.HOLD_TIME),
        problems=(errors.UnknownCollection, *RELOAD),
    ),
    system.hold: Operation(
        tag="system",
        answer=shapes.Held,
        parameters=(parameters.HOLD_TIME, parameters.HELD),
        problems=(errors.UnknownCollection, errors.Conflict, errors.FlushIncomplete),
    ),
    system.release: Operation(
        tag="system",
        answer=shapes.Reloaded,
        parameters=(parameters.HELD,),
        problems=(errors.UnknownCollection, errors.Conflict, *RELOAD),
    ),
    system.follow: Operation(
        tag="system",
        answer=shapes.Followed,
        parameters=(parameters.FOLLOWED,),
        problems=(errors.UnknownCollection, errors.Conflict),
    ),
    system.flush: Operation(
        tag="system",
        answer=shapes.Flushed,
        parameters=(parameters.TIMEOUT,),
        problems=(errors.FlushIncomplete, errors.Replaying),
    ),
    system.backends: Operation(tag="system", answer=shapes.Backends),
    system.routes: Operation(tag="system", answer=shapes.Routes),
    system.reload: Operation(
        tag="system",
        answer=shapes.Reloaded,
        problems=RELOAD,
    ),
    probes.root: Operation(tag="about", answer=shapes.Root, page=True),
    probes.live: Operation(tag="about", answer=shapes.Live),
    probes.ready: Operation(tag="about", answer=shapes.Ready, problems=(errors.Unavailable, errors.JournalFailed)),
    probes.metrics: Operation(tag="about", answer="text", media="text/plain"),
    probes.problem: Operation(tag="about", answer=shapes.Explained, page=True, problems=(errors.RouteNotFound,)),
    documents.openapi: Operation(tag="about", answer="object"),
    documents.docs: Operation(tag="about", answer="text", media=HTML),
}
