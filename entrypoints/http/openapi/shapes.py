"""The answers that are not records, as msgspec types: their JSON Schemas are read off them.

Handlers build plain documents, which is faster; that they keep to these shapes is tested against a running service.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.model.receipts import ReceiptState
from domain.model.records import HealthStatus, Verdict
from domain.services.flush import LaneState

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
    instance: str | UnsetType = UNSET
    errors: Annotated[list[Fault], Meta(max_length=100)] | UnsetType = UNSET
    accepted: Annotated[int, Meta(ge=0, description="Records of an NDJSON body that stay.")] | UnsetType = UNSET
    receipt: Annotated[str | None, Meta(description="Of the records that stay.")] | UnsetType = UNSET
    current: Annotated[dict[str, Any], Meta(description="The stored record.")] | UnsetType = UNSET


class Accepted(Shape, frozen=True, kw_only=True):
    """A batch that would survive a power loss."""

    status: Literal["accepted"]
    count: Annotated[int, Meta(ge=1, description="Records taken.")]
    receipt: ReceiptText
    ack: Literal["journaled"]
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


class Health(Shape, frozen=True, kw_only=True):
    """How the journal and every backend are."""

    status: Literal["ok", "degraded", "not_ready"]
    journal: JournalHealth
    backends: dict[str, HealthStatus]
    collections: dict[str, LaneState]


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
    flush: LaneState


class Buffers(Shape, frozen=True, kw_only=True):
    """The pending log by collection."""

    buffers: dict[str, Pending]


class Flushed(Shape, frozen=True, kw_only=True):
    """Everything acknowledged before is stored."""

    status: Literal["flushed"]


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
