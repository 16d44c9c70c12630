"""Which adapters stand behind each port, and which optional abilities the storage backends among them have.

The contract suites run over this table, memory first: a fault of a suite shows before any engine starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters.localdisk.object_store import LocalDiskObjectStore
from adapters.memory.backend import MemoryBackend
from adapters.memory.dead_letters import MemoryDeadLetters
from adapters.memory.idempotency_keys import MemoryIdempotencyKeys
from adapters.memory.object_store import MemoryObjectStore
from adapters.memory.receipts import MemoryReceipts
from adapters.memory.revision_ceiling import MemoryRevisionCeiling
from adapters.memory.search_index import MemorySearchIndex
from adapters.opensearch.search_index import OpenSearchIndex
from adapters.opensearch.settings import OpenSearchSettings
from adapters.redis.server import RedisServer
from adapters.redis.state import RedisState
from adapters.sqlite.backend import SqliteBackend
from adapters.sqlite.search_index import SqliteSearchIndex
from adapters.sqlite.state import StateStore
from adapters.system.clock import SystemClock
from domain.model.built_in import STORED
from domain.model.secret import Secret
from entrypoints.backend_types import backend_type
from ports.abilities import ConditionalWrites, Counting, Dumping, Expiring, Rewriting, Scanning, UniqueFields
from ports.backend_type import BackendContext
from tests.servers import Database

OPTIONAL = (ConditionalWrites, UniqueFields, Counting, Expiring, Scanning, Dumping, Rewriting)

ABILITIES = {
    #           conditional writes  unique fields  counting  expiring  scanning  dumping  rewriting
    "memory": {ConditionalWrites, UniqueFields, Counting, Expiring, Scanning, Dumping, Rewriting},
    "sqlite": {ConditionalWrites, UniqueFields, Counting, Expiring, Scanning, Dumping, Rewriting},
    "mariadb": {ConditionalWrites, UniqueFields, Counting, Expiring, Scanning, Dumping, Rewriting},
    "mysql": {ConditionalWrites, UniqueFields, Counting, Expiring, Scanning, Dumping, Rewriting},
    "postgres": {ConditionalWrites, UniqueFields, Counting, Expiring, Scanning, Dumping, Rewriting},
    "redis": {ConditionalWrites, Counting, Scanning, Dumping, Rewriting},
    "opensearch": {Counting, Expiring, Scanning, Dumping},
}

BACKENDS: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: MemoryBackend(),
    "sqlite": lambda folder: SqliteBackend(folder / "store.db", STORED),
}

SERVERS = ("mariadb", "mysql", "postgres")  # the fixtures of tests/conftest.py, and backend types


def server_backend(database: Database, port: int | None = None) -> Any:
    """A backend on a database of a real server, with few sessions, not open; ``port``: of a way around."""
    there = replace(database, port=port or database.port)
    kind = "postgres" if database.scheme == "postgresql" else database.scheme
    found = backend_type(kind, "the tests")
    settings = found.settings(dsn=Secret(there.dsn), pool_min=1, pool_max=25, connect_seconds=5.0)
    return found.build(settings, BackendContext(name=kind, data_folder=Path("/nowhere"), collections=STORED))


def redis_backend(database: Database, port: int | None = None) -> Any:
    """A backend in a database of a real Redis, not open; ``port``: of a way around."""
    found = backend_type("redis", "the tests")
    url = Secret(replace(database, port=port or database.port).dsn)
    settings = found.settings(url=url, call_seconds=60.0, query_seconds=300.0)  # far above what a busy machine needs
    return found.build(settings, BackendContext(name="redis", data_folder=Path("/nowhere"), collections=STORED))


@dataclass(frozen=True)
class Indexes:
    """Where a real OpenSearch is, and how the names of a test's indexes begin."""

    host: str
    port: int
    prefix: str


def opensearch_backend(indexes: Indexes, port: int | None = None) -> Any:
    """A backend on indexes of a real OpenSearch, not open; ``port``: of a way around."""
    found = backend_type("opensearch", "the tests")
    url = f"http://{indexes.host}:{port or indexes.port}"
    settings = found.settings(url=url, prefix=indexes.prefix, call_seconds=120.0, query_seconds=60.0)
    return found.build(settings, BackendContext(name="opensearch", data_folder=Path("/nowhere"), collections=STORED))


class MemoryState:
    """The memory adapters under the names of ``StateStore``."""

    def __init__(self) -> None:
        self.dead_letters = MemoryDeadLetters()
        self.idempotency_keys = MemoryIdempotencyKeys()
        self.receipts = MemoryReceipts()
        self.revision_ceiling = MemoryRevisionCeiling()

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass


def redis_state(database: Database) -> RedisState:
    """What instances share, in a database of a real Redis."""
    return RedisState(RedisServer(Secret(database.dsn)), MemoryReceipts(), SystemClock())


STATES: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: MemoryState(),
    "sqlite": lambda folder: StateStore(folder / "state.db"),
}

OBJECT_STORES: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: MemoryObjectStore(SystemClock()),
    "localdisk": lambda folder: LocalDiskObjectStore(folder / "objects"),
}

SEARCH_INDEXES: dict[str, Callable[[Path], Any]] = {
    "memory": lambda folder: MemorySearchIndex(),
    "sqlite": lambda folder: SqliteSearchIndex(folder / "search.db", STORED),
}


def opensearch_index(url: str, prefix: str) -> OpenSearchIndex:
    """Indexes with a prefix in a real OpenSearch, not open."""
    return OpenSearchIndex(OpenSearchSettings(hosts=(url,), call_seconds=120.0, query_seconds=60.0), prefix)
