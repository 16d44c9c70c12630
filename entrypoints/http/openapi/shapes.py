"""The answers that are not records, as msgspec types: their JSON Schemas are read off them.

Handlers build plain documents, which is faster; that they keep to these shapes is tested against a running service.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.model.lanes import LaneState
from domain.model.receipts import ReceiptState
from domain.model.records import HealthStatus, Verdict
from domain.services.search_feed import FeedState

Count = Annotated[int, Meta(ge=0)]
Instant = Annotated[datetime, Meta(description="RFC 3339 in UTC, six fraction digits.")]
ReceiptText = Annotated[str, Meta(description="Opaque; `GET /api/v1/receipts/{receipt}` tells what became of it.")]
Revision = Annotated[str, Meta(description="A 64-bit number as text; greater is later.", pattern="^[0-9]+$")]
Pointer = Annotated[str, Meta(description="JSON Pointer (RFC 6901) into the request body.")]
ItemVerdict = Annotated[str, Meta(extra_json_schema={"enum": [*Verdict, "not_found", "refused"]})]


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON object with just these members."""


class Fault(Shape, frozen=True, kw_only=True):
    """One fault inside a request, by place."""

    pointer: Pointer
    code: Annotated[str, Meta(description="Stable word for the rule that was broken.")]
    detail: str
    line: Annotated[int, Meta(ge=1, description="Of an NDJSON body, counted from 1.")] | UnsetType = UNSET


class Problem(Shape, frozen=True, kw_only=True):
    """What went wrong, where, and its cure (RFC 9457)."""

    type: Annotated[str, Meta(description="Address of the page that explains it.")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    code: Annotated[str, Meta(description="Stable word for the condition; decide by it.")]
    cure: str
    request_id: Annotated[str, Meta(description="Under which the service's log has more.")] | UnsetType = UNSET
    trace_id: Annotated[str, Meta(description="Of the caller's trace, or of one that began here.")] | UnsetType = UNSET
    instance: str | UnsetType = UNSET
    errors: Annotated[list[Fault], Meta(max_length=100)] | UnsetType = UNSET
    accepted: Annotated[int, Meta(ge=0, description="Records of an NDJSON body that stay.")] | UnsetType = UNSET
    receipt: Annotated[str | None, Meta(description="Of the records that stay.")] | UnsetType = UNSET
    scope: Annotated[str, Meta(description="Which the caller lacks.")] | UnsetType = UNSET
    current: Annotated[dict[str, Any], Meta(description="The stored record.")] | UnsetType = UNSET


class Accepted(Shape, frozen=True, kw_only=True):
    """A batch that was taken, and the level that it has reached."""

    status: Literal["accepted"]
    count: Annotated[int, Meta(ge=1, description="Records taken.")]
    receipt: ReceiptText
    ack: Literal["journaled", "accepted"]
    receipts: Annotated[list[str], Meta(description="All receipts of an NDJSON body.")] | UnsetType = UNSET
    errors: Annotated[list[Fault], Meta(description="With `on_error=continue`.")] | UnsetType = UNSET


class Written(Shape, frozen=True, kw_only=True):
    """A batch that is stored, with a verdict for each record that was taken, in order."""

    status: Literal["stored"]
    count: Annotated[int, Meta(ge=1, description="Records taken.")]
    receipt: ReceiptText
    results: list[ChangeResult]
    receipts: Annotated[list[str], Meta(description="All receipts of an NDJSON body.")] | UnsetType = UNSET
    errors: Annotated[list[Fault], Meta(description="With `on_error=continue`.")] | UnsetType = UNSET


class ItemProblem(Shape, frozen=True, kw_only=True):
    """Why one item was not stored."""

    type: str
    code: str
    detail: str
    title: str | UnsetType = UNSET
    status: int | UnsetType = UNSET
    errors: list[Fault] | UnsetType = UNSET


class ChangeResult(Shape, frozen=True, kw_only=True):
    """What became of one item of a batch of changes."""

    index: Count
    key: str
    verdict: ItemVerdict
    revision: Revision | None
    problem: ItemProblem | UnsetType = UNSET


class Changes(Shape, frozen=True, kw_only=True):
    """A verdict for each item, in order."""

    status: Literal["stored"]
    results: list[ChangeResult]


class WriteException(Shape, frozen=True, kw_only=True):
    """An acknowledged record that was not stored, with the reason."""

    index: Count
    key: str
    verdict: Verdict
    problem: ItemProblem


class Receipt(Shape, frozen=True, kw_only=True):
    """What became of an acknowledged batch."""

    receipt: ReceiptText
    state: ReceiptState
    count: Count
    exceptions: list[WriteException]


class Progress(Shape, frozen=True, kw_only=True):
    """How far a session's tasks are."""

    counts: Annotated[dict[str, Count], Meta(description="Stored tasks by status.")]
    total: Count
    progress: Annotated[float, Meta(ge=0, le=1, description="Completed share of the stored tasks.")]
    pending: Annotated[int, Meta(ge=0, description="Acknowledged task records that are not stored yet.")]


class CollectionInfo(Shape, frozen=True, kw_only=True):
    """A collection as it is configured."""

    name: str
    backend: str
    key: str
    fields: list[str]


class Info(Shape, frozen=True, kw_only=True):
    """What runs here."""

    service: Literal["persistence"]
    version: str
    instance: Count
    data_dir: str
    started_at: Instant
    uptime_seconds: float
    collections: list[CollectionInfo]


class JournalHealth(Shape, frozen=True, kw_only=True):
    """Whether records can be journaled, and whether a former run's are still being read."""

    accepting: bool
    replaying: bool


class LetterLevel(Shape, frozen=True, kw_only=True):
    """How full the store of the dead letters is."""

    total: Count
    bytes: Annotated[int, Meta(ge=0, description="The records, and 512 bytes for each.")]
    max_records: Count
    max_bytes: Count
    full: Annotated[bool, Meta(description="Collections with refused records wait for room.")]


class LetterSummary(Shape, frozen=True, kw_only=True):
    """A record that its backend refused, without the record."""

    id: Annotated[str, Meta(description="Opaque.")]
    collection: str
    key: str
    operation: Literal["write", "delete"]
    code: Annotated[str, Meta(description="Why; `/problems/{code}` explains it.")]
    detail: Annotated[str, Meta(description="In the backend's words.")]
    sequence: Annotated[int, Meta(ge=1, description="Its place among those that receipts count.")]
    revision: Revision | None
    accepted_at: Instant | None
    failed_at: Instant
    record_bytes: Count
    replayable: Annotated[bool, Meta(description="Whether the record is still there.")]


class LetterCause(Shape, frozen=True, kw_only=True):
    """How many letters of a collection have the same cause."""

    collection: str
    code: str
    count: Count


class DeadLetterPage(LetterLevel, frozen=True, kw_only=True):
    """A page of dead letters, and what there is in all."""

    items: list[LetterSummary]
    causes: Annotated[list[LetterCause], Meta(description="Of all letters, whatever the filter.")]
    page_size: Count
    next_cursor: str | None


class DeadLetter(LetterSummary, frozen=True, kw_only=True):
    """A record that its backend refused."""

    record: Annotated[Any, Meta(description="As it was received; null where it is not JSON.")]
    record_base64: Annotated[str | None, Meta(description="Its bytes, where it is not JSON.")]


class ReplayedLetter(Shape, frozen=True, kw_only=True):
    """What became of a dead letter's record."""

    id: Annotated[str, Meta(description="Of the letter that is gone.")]
    key: str
    verdict: Annotated[str, Meta(extra_json_schema={"enum": [*Verdict, "pending"]})]
    revision: Revision
    receipt: ReceiptText
    problem: ItemProblem | UnsetType = UNSET
    new_id: Annotated[str, Meta(description="Of the new letter, if it was refused again.")] | UnsetType = UNSET


class ReplayedLetters(Shape, frozen=True, kw_only=True):
    """What became of many dead letters."""

    replayed: Annotated[int, Meta(ge=0, description="Letters that are gone; their records are in the journal.")]
    verdicts: Annotated[dict[str, Count], Meta(description="How many of them by what became of the record.")]
    kept: Annotated[int, Meta(ge=0, description="Letters that stay: today's rules refuse them, or nothing is left.")]
    before: Annotated[datetime, Meta(description="Only letters that failed before were looked at.")]
    next_cursor: str | None


class PurgedLetters(Shape, frozen=True, kw_only=True):
    """How many letters were forgotten."""

    purged: Count


class SearchHealth(Shape, frozen=True, kw_only=True):
    """How the search index is."""

    healthy: bool
    detail: str
    latency_seconds: float
    collections: Annotated[dict[str, FeedState], Meta(description="How far it is behind each.")]


class Health(Shape, frozen=True, kw_only=True):
    """How the journal and every backend are."""

    status: Literal["ok", "degraded", "not_ready"]
    journal: JournalHealth
    backends: dict[str, HealthStatus]
    objects: Annotated[HealthStatus | None, Meta(description="The store of files; null where none are kept.")]
    cache: Annotated[HealthStatus | None, Meta(description="The cache of lists; null where there is none.")]
    keys: Annotated[HealthStatus | None, Meta(description="The store of API keys; null where none are asked for.")]
    search: Annotated[SearchHealth | None, Meta(description="The search index; null where there is none.")]
    collections: dict[str, LaneState]
    dead_letters: LetterLevel | None


class Stored(Shape, frozen=True, kw_only=True):
    """A collection in numbers; null where its backend cannot count."""

    stored: Count | None
    by_status: dict[str, Count] | None
    pending: Count
    accepted: Annotated[int, Meta(ge=0, description="Records ever journaled.")]


class Statistics(Shape, frozen=True, kw_only=True):
    """Every collection in numbers."""

    collections: dict[str, Stored]


class Pending(Shape, frozen=True, kw_only=True):
    """How much of a collection waits for its backend."""

    head: Annotated[int, Meta(ge=0, description="Sequence of the newest record.")]
    committed: Annotated[int, Meta(ge=0, description="Sequence up to which everything is stored.")]
    payload_bytes: Count
    oldest_accepted_at: Instant | None
    quarantined: Annotated[int, Meta(ge=0, description="Damaged frames that were set aside.")]
    records: Count
    held: Annotated[bool, Meta(description="Somebody holds the flush back, for a while.")]
    flush: LaneState


class Buffers(Shape, frozen=True, kw_only=True):
    """The pending log by collection."""

    buffers: dict[str, Pending]


class Flushed(Shape, frozen=True, kw_only=True):
    """Everything acknowledged before is stored."""

    status: Literal["flushed"]


class PreparedBackend(Shape, frozen=True, kw_only=True):
    """A backend is open, and its worker process runs, so that a collection can turn to it at once."""

    collection: str
    prepared: str
    prepared_seconds: float


class Held(Shape, frozen=True, kw_only=True):
    """Nothing of the collection is flushed for a while."""

    collection: str
    hold: Annotated[str, Meta(description="Its name, to renew and to end it.")]
    held_seconds: float


class Followed(Shape, frozen=True, kw_only=True):
    """What was written to a collection's backend since the last question."""

    collection: str
    follow: Annotated[str, Meta(description="Its name, for the next question; forgotten after a minute without one.")]
    keys: list[str]


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """One `[backends.NAME]` table as it is in effect, and what is kept in it. Secrets are masked."""

    type: str
    collections: list[str]


class Backends(Shape, frozen=True, kw_only=True):
    """The configured backends by name."""

    generation: Annotated[int, Meta(ge=1, description="Rises with each reload.")]
    backends: dict[str, Backend]


class RouteTarget(Shape, frozen=True, kw_only=True):
    """Where a collection is kept."""

    backend: str
    abilities: list[str]


class Routes(Shape, frozen=True, kw_only=True):
    """Where each collection is kept."""

    generation: Annotated[int, Meta(ge=1, description="Rises with each reload.")]
    routes: dict[str, RouteTarget]


class Reloaded(Shape, frozen=True, kw_only=True):
    """What a reload came to."""

    generation: Annotated[int, Meta(ge=1)]
    routes: Annotated[dict[str, str], Meta(description="Backend by collection.")]
    opened: Annotated[list[str], Meta(description="Backends that are new or changed.")]
    closed: Annotated[list[str], Meta(description="Former backends, closed when the calls in them had ended.")]
    needs_restart: Annotated[list[str], Meta(description="Changed settings that only a restart heeds.")]


class Live(Shape, frozen=True, kw_only=True):
    """The process runs."""

    status: Literal["live"]


class Ready(Shape, frozen=True, kw_only=True):
    """Records can be journaled."""

    status: Literal["ready"]


class Root(Shape, frozen=True, kw_only=True):
    """Where everything is, what it takes, and what it can."""

    service: Literal["persistence"]
    version: str
    links: Annotated[dict[str, list[str]], Meta(description="Methods by address.")]
    limits: dict[str, int]
    abilities: Annotated[dict[str, list[str]], Meta(description="Beyond the universal ones, by collection.")]


class Explained(Shape, frozen=True, kw_only=True):
    """A problem's cause, cure and example."""

    type: str
    title: str
    status: int
    code: str
    cause: str
    cure: str
    example: dict[str, Any]
