"""How records are found by their words, by the configuration; none of it does I/O."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from adapters.sqlite.search_index import SqliteSearchIndex
from domain.errors import missing_driver
from domain.model.built_in import BUILT_IN
from domain.services.buffer import BufferManager
from domain.services.ending import ended
from domain.services.query import QueryService
from domain.services.registry import StorageBackendRegistry
from domain.services.schema import Schemas
from domain.services.search import SearchService
from domain.services.search_feed import SearchFeed
from entrypoints.sections import SearchSettings
from entrypoints.settings import Settings
from ports.ambient import Observer
from ports.resource import Resource
from ports.search_index import SearchIndex
from ports.write_buffer import PendingLog


class OpenableSearchIndex(SearchIndex, Resource, Protocol):
    """A search index as it is built: closed, and without any I/O."""


class Searching:
    """Everything that a search needs."""

    def __init__(
        self,
        settings: Settings,
        schemas: Schemas,
        registry: StorageBackendRegistry,
        query: QueryService,
        buffer: BufferManager,
        log: PendingLog,
        observer: Observer,
        index: OpenableSearchIndex | None = None,
    ) -> None:
        """``buffer``: whose number and salt name the log; ``index``: instead of the one that is configured."""

        def origin(name: str) -> str:
            return f"{buffer.instance}-{buffer.salt:08x}@{registry.routes[name]}"

        index, lag = index or build_index(settings), settings.search.max_lag_bytes
        self._index, self._feeds = index, list[SearchFeed]()
        if index is not None:
            self._feeds = [
                SearchFeed(
                    *(each, schemas.of(each.name), log, index, registry, observer, partial(origin, each.name)),
                    max_lag_bytes=lag,
                )
                for each in BUILT_IN
                if each.searchable
            ]
        self.service = SearchService(self._index, self._feeds, query, log)

    async def open(self) -> None:
        """Open the index. Raises StartFailure."""
        if self._index is not None:
            await self._index.open()

    async def close(self) -> None:
        """Close the index."""
        if self._index is not None:
            await self._index.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the log in the background."""
        tasks = [asyncio.create_task(feed.run(), name=f"search {feed.collection.name}") for feed in self._feeds]
        try:
            yield
        finally:
            await ended(*tasks)


def build_index(settings: Settings) -> OpenableSearchIndex | None:
    """The search index; None where there is none. Raises StartFailure."""
    match settings.search.type:
        case "off":
            return None
        case "sqlite":
            return SqliteSearchIndex(settings.search_file, BUILT_IN)
    return _opensearch(settings.search)


def _opensearch(search: SearchSettings) -> OpenableSearchIndex:
    try:
        from adapters.opensearch.search_index import OpenSearchIndex
        from adapters.opensearch.settings import OpenSearchSettings
    except ModuleNotFoundError as error:
        raise missing_driver("search.type", error, "opensearch") from error
    reached = OpenSearchSettings(
        hosts=search.hosts,
        user=search.user,
        password=search.password,
        tls_verify=search.tls_verify,
        ca_file=Path(search.ca_file) if search.ca_file else None,
        call_seconds=search.call_seconds,
        query_seconds=search.query_seconds,
    )
    return OpenSearchIndex(reached, search.prefix)
