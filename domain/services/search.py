"""Search: records by the words in their texts, as they are by now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from domain.errors import AbilityMissing, FlushIncomplete, InvalidParameter, SearchIncomplete
from domain.model.collections import Collection
from domain.model.policies import PAGE_CHARACTERS
from domain.model.records import HealthStatus, Record
from domain.model.search import Hit, SearchQuery, SearchResult
from domain.services.query import QueryService
from domain.services.search_feed import FeedState, SearchFeed
from ports.search_index import SearchIndex
from ports.write_buffer import PendingLog

_AT_ONCE = 8  # reads of one search
_STRONG_SECONDS = 5.0
_FILLED_SECONDS = 5.0  # how long a search waits for an index that is being filled


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A page of hits with their records; one that was deleted meanwhile is not among them."""

    result: SearchResult
    items: Sequence[tuple[Hit, Record]]


class SearchService:
    """Asks the index which records there are, and the backend what they are."""

    def __init__(
        self, index: SearchIndex | None, feeds: Sequence[SearchFeed], query: QueryService, log: PendingLog
    ) -> None:
        """``index``: None where there is none."""
        self._index = index
        self._feeds = {feed.collection.name: feed for feed in feeds}
        self._query = query
        self._log = log

    async def find(self, collection: Collection, query: SearchQuery, *, strong: bool = False) -> Found:
        """One page; ``strong``: of everything that is acknowledged by now.

        Raises AbilityMissing, InvalidParameter (a collection that is not indexed), SearchIncomplete, FlushIncomplete,
        QueryTimeout, BackendError.
        """
        index, feed = self._indexed(), self._feed(collection.name)
        with suppress(TimeoutError):
            async with asyncio.timeout(_FILLED_SECONDS):
                await feed.filled()
        feed.check()
        if strong:
            await self._settle(feed)
            feed.check()
        query = msgspec.structs.replace(query, filter=self._query.where(collection, query.filter))
        result = await index.search(collection, query)
        if not result.whole:
            raise SearchIncomplete(
                f"The index of {collection.name} lacks what another instance has stored, or is being filled by one; "
                "if that lasts, `persistence search rebuild` fills it in.",
                retry_after=5.0,
            )
        return Found(result=result, items=await self._read(collection, result.hits))

    def rebuild(self, name: str | None = None) -> Sequence[str]:
        """Have the index of one collection, or of all, emptied and filled; returns their names."""
        self._indexed()
        feeds = list(self._feeds.values()) if name is None else [self._feed(name)]
        for feed in feeds:
            feed.rebuild()
        return [feed.collection.name for feed in feeds]

    async def states(self) -> Mapping[str, FeedState]:
        """How far each collection's index is."""
        return {name: await feed.state() for name, feed in self._feeds.items()}

    async def health(self) -> HealthStatus | None:
        """How the index is; None where there is none."""
        return None if self._index is None else await self._index.health_check()

    def _indexed(self) -> SearchIndex:
        if self._index is None:
            raise AbilityMissing(
                "full_text: there is no search index here. "
                'The lines `[search]` and `type = "sqlite"` in persistence.toml, and another start, make one.'
            )
        return self._index

    def _feed(self, name: str) -> SearchFeed:
        feed = self._feeds.get(name)
        if feed is None:
            raise InvalidParameter(f"`collection`: {name[:80]!r} is not indexed; there are: {', '.join(self._feeds)}.")
        return feed

    async def _settle(self, feed: SearchFeed) -> None:
        await self._query.settle(feed.collection)
        through = (await self._log.depth(feed.collection.name)).committed
        try:
            async with asyncio.timeout(_STRONG_SECONDS):
                await feed.reach(through)
        except TimeoutError:
            raise FlushIncomplete("What is stored is not all in the search index yet.", retry_after=1.0) from None

    async def _read(self, collection: Collection, hits: Sequence[Hit]) -> Sequence[tuple[Hit, Record]]:
        """A few at a time. Raises InvalidParameter, naming ``page_size``, where they are too large."""
        found: list[tuple[Hit, Record]] = []
        characters = 0
        for begin in range(0, len(hits), _AT_ONCE):
            part = hits[begin : begin + _AT_ONCE]
            records = await asyncio.gather(*[self._query.visible(collection, hit.key) for hit in part])
            found += [(hit, record) for hit, record in zip(part, records, strict=True) if record is not None]
            characters += sum(_characters(record) for record in records if record is not None)
            if characters > PAGE_CHARACTERS:
                raise InvalidParameter(
                    f"`page_size`: the first {len(found)} records hold more than {PAGE_CHARACTERS} characters; "
                    "ask for fewer at once."
                )
        return found


def _characters(record: Record) -> int:
    return sum(len(value) for value in record.values if type(value) is str)
