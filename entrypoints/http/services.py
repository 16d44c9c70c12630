"""What the HTTP door stands on, and the services behind it, in one value that the container fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.services.buffer import BufferManager
from domain.services.changes import ChangeService
from domain.services.dead_letters import DeadLetterService
from domain.services.flush import FlushEngine
from domain.services.intake import Intake
from domain.services.query import QueryService
from domain.services.receipts import ReceiptService
from domain.services.recovery import RecoveryService
from domain.services.registry import StorageBackendRegistry
from domain.services.trail import Trail
from entrypoints.backends import Backends
from entrypoints.caching import CachedReads
from entrypoints.credentials import Credentials
from entrypoints.encryption import Encryption
from entrypoints.filing import Filing
from entrypoints.holds import Holds
from entrypoints.http.body import Bodies
from entrypoints.limiting import Limiting
from entrypoints.searching import Searching
from ports.ambient import AuditTrail, Clock, Ids, Observer


class RenderMetrics(Protocol):
    """Draws the page that Prometheus reads."""

    def __call__(self, *, open_metrics: bool) -> bytes:
        """In the text format 0.0.4, or in OpenMetrics 1.0.0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What this process is, for `/` and `system/info`."""

    version: str
    data_dir: str
    started_at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorway:
    """What every listener needs, whatever is behind it: who asks, how often they may, and who is told."""

    credentials: Credentials
    limiting: Limiting
    observer: Observer
    audit: AuditTrail
    clock: Clock
    ids: Ids
    bodies: Bodies = field(default_factory=Bodies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(Doorway):
    """Everything a handler may call."""

    backends: Backends
    registry: StorageBackendRegistry
    buffer: BufferManager
    intake: Intake
    flush: FlushEngine
    holds: Holds
    trail: Trail
    changes: ChangeService
    query: QueryService
    recovery: RecoveryService
    receipts: ReceiptService
    dead_letters: DeadLetterService
    filing: Filing
    cache: CachedReads
    searching: Searching
    encryption: Encryption
    about: About
    render_metrics: RenderMetrics
