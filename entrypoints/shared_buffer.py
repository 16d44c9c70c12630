"""Which pending log there is: this folder's own, or one in Redis that many instances share; none of it does I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.journal.write_buffer import LocalJournal
from adapters.sqlite.state import StateStore
from domain.errors import StartFailure, missing_driver
from domain.services.keyed_log import KeyedLog, LogKeys
from domain.services.search_feed import READER
from entrypoints.sections import JournalSettings
from entrypoints.settings import Settings
from ports.ambient import Clock, Observer
from ports.known_keys import KnownKeys
from ports.write_buffer import WriteBuffer

if TYPE_CHECKING:  # its driver is not installed everywhere
    from adapters.redis.idempotency_keys import RedisIdempotencyKeys
    from adapters.redis.leases import PartitionLeases
    from adapters.redis.server import RedisServer
    from adapters.redis.state import RedisState
    from adapters.redis.write_buffer import RedisWriteBuffer


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBuffering:
    """The log of one instance, and what it knows beside it."""

    journal: LocalJournal
    state: StateStore
    keys: LogKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedBuffering:
    """The log of all instances, what they know beside it, and who drains it."""

    journal: RedisWriteBuffer
    state: RedisState
    keys: RedisIdempotencyKeys
    leases: PartitionLeases


def build_buffering(
    settings: Settings, lanes: Sequence[str], observer: Observer, clock: Clock, partition: int | None = None
) -> LocalBuffering | SharedBuffering:
    """``partition``: of a shared log, that appends go to; by default the next in turn. Raises StartFailure."""
    if not settings.shared_partitions:
        size = settings.journal.segment_bytes
        further = {collection.name: (READER,) for collection in settings.indexed}
        journal = LocalJournal(settings.journal_folder, lanes, observer, clock, further=further, segment_bytes=size)
        state = StateStore(settings.state_file, settings.dead_letters)
        keys = LogKeys(state.idempotency_keys, clock)
        return LocalBuffering(journal=journal, state=state, keys=keys)
    server = _server(settings.journal)
    from adapters.redis.idempotency_keys import RedisIdempotencyKeys
    from adapters.redis.leases import PartitionLeases
    from adapters.redis.state import RedisState
    from adapters.redis.write_buffer import RedisWriteBuffer

    shared = RedisIdempotencyKeys(server, lanes, settings.shared_partitions)
    leases = PartitionLeases(server, seconds=settings.journal.lease_seconds)
    log = RedisWriteBuffer(
        server,
        lanes,
        observer,
        clock,
        partition=partition,
        partitions=settings.shared_partitions,
        tokens=leases.tokens,
        claims=shared.ends,
    )
    state_there = RedisState(server, log, clock, settings.dead_letters)
    return SharedBuffering(journal=log, state=state_there, keys=shared, leases=leases)


def keyed(journal: WriteBuffer, keys: KnownKeys) -> WriteBuffer:
    """A log as it is appended to and drained: where it does not keep the keys of its frames by itself, with them."""
    return KeyedLog(journal, keys) if isinstance(keys, LogKeys) else journal


def _server(journal: JournalSettings) -> RedisServer:
    if journal.url is None:
        raise StartFailure("journal.url: a shared buffer needs one, like redis://host:6379/0.")
    try:
        from adapters.redis.server import RedisServer
    except ModuleNotFoundError as error:
        raise missing_driver("journal.type", error, "redis") from error
    return RedisServer(journal.url, journal.password, ca_file=journal.ca_file, call_seconds=journal.call_seconds)
