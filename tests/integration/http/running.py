"""The whole HTTP door on a free port, in front of the real services and the memory adapters."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import aiohttp

from adapters.memory.backend import MemoryBackend
from adapters.memory.dead_letters import MemoryDeadLetters
from adapters.memory.idempotency_keys import MemoryIdempotencyKeys
from adapters.memory.object_store import MemoryObjectStore
from adapters.memory.receipts import MemoryReceipts
from adapters.memory.revision_ceiling import MemoryRevisionCeiling
from adapters.memory.search_index import MemorySearchIndex
from adapters.memory.write_buffer import MemoryWriteBuffer
from adapters.system.clock import SystemClock
from adapters.system.ids import SystemIds
from domain.model.built_in import BUILT_IN
from domain.model.observations import Observation
from domain.model.policies import BufferPolicy
from domain.model.secret import Secret
from domain.services.buffer import BufferManager
from domain.services.changes import ChangeService
from domain.services.counted_log import CountedLog
from domain.services.dead_letters import DeadLetterService
from domain.services.flush import FlushEngine
from domain.services.gate import Gate
from domain.services.idempotency import Idempotency
from domain.services.intake import Intake
from domain.services.keyed_log import KeyedLog, LogKeys
from domain.services.lane import Lane, LaneParts
from domain.services.query import QueryService
from domain.services.receipts import ReceiptService
from domain.services.recovery import RecoveryService
from domain.services.revisions import RevisionIssuer
from domain.services.rewrapping import Rewrapping
from domain.services.schema import Schemas
from domain.services.search_feed import READER
from domain.services.trail import Trail
from entrypoints.backends import Backends
from entrypoints.caching import CachedReads
from entrypoints.credentials import Credentials
from entrypoints.encryption import Encryption
from entrypoints.filing import Filing
from entrypoints.holds import Holds
from entrypoints.http.app import create_app
from entrypoints.http.body import Bodies
from entrypoints.http.deprecations import FORMER_FIELDS, Deprecation
from entrypoints.http.server import HttpServer
from entrypoints.http.services import About, Services
from entrypoints.limiting import Limiting
from entrypoints.searching import Searching
from entrypoints.sections import (
    AuthSettings,
    ConfiguredBackend,
    KeyringSettings,
    ObjectSettings,
    QuotaSettings,
    ServerSettings,
)
from entrypoints.settings import Settings
from ports.backend_type import BackendSettings, BackendType

API = "/api/v1/translation"
POLICY = BufferPolicy(linger_seconds=0.01, read_deadline_seconds=2.0)
LIMITS = ObjectSettings()
KEYRING = KeyringSettings(
    active="k1",
    keys={"k1": Secret(base64.b64encode(bytes(range(32))).decode())},
    index_key=Secret(base64.b64encode(bytes(range(32, 64))).decode()),
)  # by which nothing is encrypted


@dataclass
class Observed:
    """Remembers every observation."""

    seen: list[Observation] = field(default_factory=list)

    def __call__(self, observation: Observation) -> None:
        self.seen.append(observation)

    def of(self, kind: type) -> list[Any]:
        return [observation for observation in self.seen if isinstance(observation, kind)]


@dataclass
class Audit:
    """An audit trail whose disk is full while ``is_full``."""

    observed: Observed
    is_full: bool = False
    is_kept: bool = True

    def __call__(self, observation: Observation) -> None:
        self.is_kept = not self.is_full
        if self.is_full:
            raise OSError("no space left on device")
        self.observed(observation)


@dataclass
class Running:
    """A service that listens, and a client of it."""

    server: HttpServer
    services: Services
    backend: MemoryBackend
    observed: Observed
    client: aiohttp.ClientSession
    letters: MemoryDeadLetters
    last: bytes = b""  # the body that came last, as it came

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Status, decoded body (None without one), response."""
        async with self.client.request(method, path, **options) as response:
            body = self.last = await response.read()
            kind = response.headers.get("Content-Type", "")
            return (
                response.status,
                (await response.json(content_type=None)) if "json" in kind and "ndjson" not in kind and body else body,
                response,
            )

    async def post(self, path: str, content: Any) -> tuple[int, Any, aiohttp.ClientResponse]:
        return await self.send(path, json.dumps(content).encode())

    async def send(self, path: str, body: bytes, kind: str = "application/json", **headers: str) -> Any:
        """POST bytes of any size; the client warns of large ones unless they are a file."""
        return await self.ask("POST", path, data=io.BytesIO(body), headers={"Content-Type": kind, **headers})

    async def get(self, path: str, **options: Any) -> tuple[int, Any, aiohttp.ClientResponse]:
        return await self.ask("GET", path, **options)

    async def key(self, *scopes: str, **more: Any) -> dict[str, str]:
        """The header that shows a new key."""
        _, text = await self.services.credentials.keys.create("a test", scopes, by="test", **more)
        return {"X-API-Key": str(text)}

    async def stored(self) -> int:
        """Records of both collections after a flush."""
        await self.services.flush.flush(BUILT_IN, 5.0)
        _, found, _ = await self.get("/api/v1/system/stats")
        return sum(collection["stored"] for collection in found["collections"].values())

    @asynccontextmanager
    async def connection(
        self, trust: ssl.SSLContext | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A bare connection, aborted at the end; ``trust``: by TLS."""
        name = "localhost" if trust else None
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port, ssl=trust, server_hostname=name)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def raw(self, data: bytes) -> bytes:
        """Everything that comes back for these bytes until the connection ends."""
        async with self.connection() as (reader, writer), asyncio.timeout(10):
            writer.write(data)
            return await reader.read()


@asynccontextmanager
async def running(
    policy: BufferPolicy = POLICY,
    bodies: Bodies | None = None,
    backend: Any = None,
    objects: Any = None,
    limits: ObjectSettings = LIMITS,
    index: Any = None,
    former: Mapping[str, Mapping[str, Deprecation]] = FORMER_FIELDS,
    quotas: QuotaSettings = QuotaSettings(),  # noqa: B008  # frozen
    auth: Literal["off", "keys"] = "off",
    insecure: bool = False,
    **server: Any,
) -> AsyncIterator[Running]:
    """A service for one test; ``index``: False for none."""
    observed = Observed()
    backend = backend or MemoryBackend()
    objects = objects or MemoryObjectStore(SystemClock())
    index = MemorySearchIndex() if index is None else index or None
    services, log, letters = build(
        *(policy, bodies or Bodies(), backend, observed, objects, limits, index, quotas, auth, insecure)
    )
    http = HttpServer(partial(create_app, services, former=former), port=0, finish_seconds=1.0, **server)
    await services.credentials.open()
    await services.encryption.open()
    await services.buffer.start()
    await services.flush.start()
    await http.open()
    await http.listen()
    try:
        async with services.searching.running(), aiohttp.ClientSession(http.url) as client:
            yield Running(http, services, backend, observed, client, letters)
    finally:
        await http.close()
        await services.buffer.stop()
        await services.flush.stop(1.0)
        await services.cache.close()
        await services.credentials.close()
        await log.close()


def build(
    policy: BufferPolicy,
    bodies: Bodies,
    backend: MemoryBackend,
    observed: Observed,
    objects: Any,
    limits: ObjectSettings,
    index: Any,
    quotas: QuotaSettings,
    auth: Literal["off", "keys"],
    insecure: bool,
) -> tuple[Services, MemoryWriteBuffer, MemoryDeadLetters]:
    clock, schemas, receipts = SystemClock(), Schemas(BUILT_IN), MemoryReceipts()
    given = BackendType(BackendSettings, lambda *_: backend, alone=True)
    configured = {"main": ConfiguredBackend("memory", given, BackendSettings())}
    auth_settings = AuthSettings(mode=auth)
    door = ServerSettings(insecure=insecure)
    settings = Settings(
        backends=configured, server=door, auth=auth_settings, quotas=quotas, keyring=KEYRING, objects=limits
    )
    encryption = Encryption(settings, observed)
    backends = Backends(settings, BUILT_IN, observed, clock)
    registry = backends.registry
    readers = ("primary", READER) if index else ("primary",)
    kept = MemoryWriteBuffer([collection.name for collection in BUILT_IN], readers=readers)
    issuer = RevisionIssuer(MemoryRevisionCeiling(), clock)
    keys = LogKeys(MemoryIdempotencyKeys(), clock)
    idempotency, log = Idempotency(keys, clock), KeyedLog(kept, keys)
    trail = Trail(log, schemas, SystemIds(), clock)
    counted = CountedLog(trail, SystemIds())
    gate = Gate(counted, [collection.name for collection in BUILT_IN])
    buffer = BufferManager(BUILT_IN, schemas, log, receipts, issuer, policy, observed, clock)
    letters = MemoryDeadLetters()
    parts = LaneParts(
        buffer=gate,
        registry=registry,
        dead_letters=letters,
        receipts=receipts,
        policy=policy,
        observer=observed,
        clock=clock,
        ids=SystemIds(),
    )
    flush = FlushEngine([Lane(c, schemas.of(c.name), parts) for c in BUILT_IN], gate, buffer, observed, gate)
    encryption.rewrapping = Rewrapping(
        registry, encryption.sealing, lambda _: asyncio.sleep(0), lambda _: False, observed, clock
    )
    cache = CachedReads(settings, backends, counted, observed, clock)
    query = QueryService(registry, buffer, flush, policy, caching=cache.caching)
    changes = ChangeService(registry, schemas, buffer, flush, query, receipts, policy, clock)
    services = Services(
        credentials=Credentials(settings, observed, SystemIds(), clock),
        limiting=Limiting(settings, observed, clock),
        backends=backends,
        registry=registry,
        buffer=buffer,
        intake=Intake(schemas, buffer, flush, receipts, idempotency, policy),
        flush=flush,
        holds=Holds(gate, flush, backends, SystemIds()),
        trail=trail,
        changes=changes,
        query=query,
        recovery=RecoveryService(query, clock),
        dead_letters=DeadLetterService(
            *(letters, letters.bounds, registry, schemas, buffer, flush, receipts, observed, clock)
        ),
        filing=Filing(*(backends, schemas, changes, query, buffer, letters, SystemIds(), observed, clock, objects)),
        cache=cache,
        searching=Searching(settings, schemas, registry, query, buffer, kept, observed, index),
        receipts=ReceiptService([c.name for c in BUILT_IN], log, receipts, issuer),
        encryption=encryption,
        observer=observed,
        audit=Audit(observed),
        clock=clock,
        ids=SystemIds(),
        about=About(version="0.0.0", data_dir="nowhere", started_at=datetime.now(UTC)),
        render_metrics=lambda open_metrics: b"# EOF\n" if open_metrics else b"persistence_data_loss_total 0.0\n",
        bodies=bodies,
    )
    return services, kept, letters


def session(session_id: str = "s1", **fields: Any) -> dict[str, Any]:
    return {"session_id": session_id, "status": "processing", "source_lang": "en", "target_lang": "de"} | fields


def task(task_id: str = "t1", session_id: str = "s1", **fields: Any) -> dict[str, Any]:
    whole = {"task_id": task_id, "session_id": session_id, "status": "pending", "source_text": "one"}
    return whole | {"source_lang": "en", "target_lang": "de"} | fields
