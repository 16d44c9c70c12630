"""What every operation takes, answers and may refuse, by the function that serves it."""

from __future__ import annotations

from collections.abc import Mapping

from domain import errors
from entrypoints.http import idempotency
from entrypoints.http.handlers import (
    dead_letters,
    documents,
    keyring,
    keys,
    lists,
    probes,
    receipts,
    records,
    search,
    system,
    translation,
)
from entrypoints.http.media import JSON, MERGE_PATCH, NDJSON
from entrypoints.http.openapi import keyring as keyrings
from entrypoints.http.openapi import keys as described
from entrypoints.http.openapi import parameters, shapes
from entrypoints.http.openapi import search as searches
from entrypoints.http.openapi.file_operations import FILE_OPERATIONS
from entrypoints.http.openapi.lists import FORMAT, GROUP_BY, METRICS, Groups
from entrypoints.http.openapi.operation import (
    BACKEND,
    BODY,
    CHANGE,
    JOURNAL,
    KEYED,
    LIST,
    READ,
    READING,
    RELOAD,
    SETTLED,
    STATE,
    Handler,
    Operation,
)
from entrypoints.http.pages import HTML

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
    lists.query: Operation(
        tag="records", answer="page", bodies={JSON: "question"}, cached=True, problems=(*READING, *LIST)
    ),
    lists.aggregate: Operation(
        tag="records",
        answer=Groups,
        filter=True,
        cached=True,
        parameters=(GROUP_BY, METRICS, parameters.CONSISTENCY),
        problems=LIST,
    ),
    lists.export: Operation(
        tag="records",
        answer="text",
        media=NDJSON,
        filter=True,
        parameters=(FORMAT,),
        problems=LIST,
    ),
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
        answer="changed",
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
        answer="changed",
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
    **FILE_OPERATIONS,
    keys.find: Operation(tag="keys", answer=described.ApiKeys, problems=BACKEND),
    keys.create: Operation(
        tag="keys",
        answer=described.MadeKey,
        status=201,
        headers=("Location",),
        bodies={JSON: described.KeyWanted},
        problems=(*READING, errors.AbilityMissing, *BACKEND),
    ),
    keys.revoke: Operation(
        tag="keys", status=204, problems=(errors.KeyNotFound, errors.WriteConflict, errors.AbilityMissing, *BACKEND)
    ),
    keys.rotate: Operation(
        tag="keys",
        answer=described.MadeKey,
        parameters=(described.OVERLAP,),
        problems=(errors.KeyNotFound, errors.WriteConflict, errors.AbilityMissing, *BACKEND),
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
    keyring.show: Operation(tag="system", answer=keyrings.Keyring, problems=(errors.KeyringMissing,)),
    keyring.rewrap: Operation(tag="system", status=202, answer=keyrings.Keyring, problems=(errors.KeyringMissing,)),
    probes.root: Operation(tag="about", answer=shapes.Root, page=True),
    probes.live: Operation(tag="about", answer=shapes.Live),
    probes.ready: Operation(tag="about", answer=shapes.Ready, problems=(errors.Unavailable, errors.JournalFailed)),
    probes.metrics: Operation(tag="about", answer="text", media="text/plain"),
    probes.problem: Operation(tag="about", answer=shapes.Explained, page=True, problems=(errors.RouteNotFound,)),
    documents.openapi: Operation(tag="about", answer="object"),
    documents.docs: Operation(tag="about", answer="text", media=HTML),
}
