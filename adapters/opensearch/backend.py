"""Records in OpenSearch: a document each, whose version a script guards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from adapters.opensearch.connection import OpenSearchServer
from adapters.opensearch.errors import RETRY_SECONDS, refusal
from adapters.opensearch.filters import compared, micros
from adapters.opensearch.pages import KEY, page, result, visible
from adapters.opensearch.places import Places
from adapters.opensearch.records import bulks, definition, id_of, instant, record_of, rules_of
from adapters.opensearch.searches import Searches, portion_of
from domain.errors import BackendError, BackendUnavailable, InvalidParameter, SchemaMismatch
from domain.model.collections import Collection, FieldType
from domain.model.query import Filter, Query, QueryResult, check_filter, check_query, declared
from domain.model.records import HealthStatus, Record, Verdict, WriteResult
from ports.probing import Outlook

_BUCKETS = 1000  # values of a count at a time
_EXISTS = "resource_already_exists_exception"
_NOT_THERE = "index_not_found_exception"
_MISSING = (404,)


class OpenSearchBackend:
    """Abilities: counting, expiring, scanning, dumping.

    A batch is no transaction here: one that fails may be stored in part, and whoever repeats it completes it. Lists see
    what was written before they were asked for.
    """

    def __init__(
        self, server: OpenSearchServer, prefix: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """``prefix``: of the indexes' names."""
        self._server = server
        self._prefix = prefix
        self._searches = Searches(server, prefix)
        self._now = now
        self._there: set[str] = set()  # indexes that were met
        self._meeting = asyncio.Lock()

    async def open(self) -> None:
        """See that it is an OpenSearch that can be used. Raises StartFailure, SchemaMismatch, BackendUnavailable."""
        await self._server.open()
        await self._server.version()

    async def close(self) -> None:
        """Let the connections go."""
        await self._server.close()

    async def write(self, collection: Collection, records: Sequence[Record], *, verdicts: bool = False) -> WriteResult:
        """As the port says, but for the transaction; once begun, it is brought to its end."""
        writing = asyncio.ensure_future(self._write(collection, records))
        try:
            stored = await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            raise
        pairs = list(zip(records, stored, strict=True))
        found = tuple([Verdict.STORED if _pair(record) == pair else Verdict.STALE for record, (pair, _) in pairs])
        buried = tuple(record.key for record, (pair, is_dead) in pairs if is_dead and pair > _pair(record))
        return WriteResult(applied=len(records), verdicts=found if verdicts else None, buried=buried)

    async def read(self, collection: Collection, key: str) -> Record | None:
        """As the port says."""
        places = Places(self._prefix, collection)
        await self._meet(collection, places)  # an index that is just being made cannot be read
        for place in filter(None, (places.day_of(key), places.base)):
            found = await self._searches.patient(collection, "GET", place, "_doc", id_of(key), nothing=_MISSING)
            if found is not None:
                return record_of(collection, found["_source"])
        return None

    async def query(self, collection: Collection, query: Query) -> QueryResult:
        """As the port says; every count is exact."""
        check_query(collection, query)
        seconds = self._server.settings.query_seconds
        return result(collection, query, await self._searches.page(collection, page(collection, query, seconds)))

    async def delete(self, collection: Collection, key: str) -> None:
        """As the port says."""
        places = Places(self._prefix, collection)
        for place in filter(None, (places.day_of(key), places.base)):
            await self._server.ask("DELETE", place, "_doc", id_of(key), nothing=_MISSING)

    async def count_by(self, collection: Collection, field: str, where: Filter) -> Mapping[str, int]:
        """As the ability says. Raises InvalidParameter for a long text."""
        check_filter(collection, where)
        by = declared(collection, field)
        if compared(by).startswith("heads."):
            raise InvalidParameter(f"Records cannot be counted by {field}, whose values may be long texts.")
        sources = [{"value": {"terms": {"field": compared(by)}}}]
        composite: dict[str, Any] = {"size": _BUCKETS, "sources": sources}  # Any: a part of a search
        counts: dict[str, int] = {}
        while True:
            body = {"query": visible(collection, where), "size": 0, "aggs": {"by": {"composite": composite}}}
            found = (await self._searches.answer(collection, body)).get("aggregations", {}).get("by", {"buckets": []})
            for bucket in found["buckets"]:
                value = bucket["key"]["value"]
                counts[instant(value).isoformat() if by.type is FieldType.INSTANT else str(value)] = bucket["doc_count"]
            if "after_key" not in found:
                return counts
            composite["after"] = found["after_key"]

    async def expire(self, collection: Collection, before: datetime, limit: int) -> int:
        """As the ability says: whole days go at once; in the index of no day, records are looked for."""
        if dropped := await self._drop_days(collection, before):
            return dropped
        base = Places(self._prefix, collection).base
        old = {"range": {"created_at": {"lt": micros(before)}}}
        living = {"bool": {"filter": [old], "must_not": [{"exists": {"field": "deleted_at"}}]}}
        await self._server.ask("POST", base, "_refresh", nothing=_MISSING)
        params = {"conflicts": "proceed", "max_docs": str(limit)}
        path = ("POST", base, "_delete_by_query")
        found = await self._server.ask(*path, body={"query": living}, params=params, nothing=_MISSING)
        return int(found["deleted"]) if found else 0

    async def scan(self, collection: Collection, where: Filter) -> AsyncIterator[Sequence[Record]]:
        """As the ability says."""
        check_filter(collection, where)
        async for portion in self._portions(collection, visible(collection, where), None):
            yield portion

    async def dump(
        self, collection: Collection, *, after: str | None = None, among: Sequence[str] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """As the ability says."""
        wanted: dict[str, Any] = {"match_all": {}} if among is None else {"terms": {KEY: list(among)}}  # Any: a search
        async for portion in self._portions(collection, wanted, after):
            yield portion

    async def health_check(self) -> HealthStatus:
        """Ask for the server's version."""
        begun = time.monotonic()
        try:
            healthy, detail = True, f"OpenSearch {await self._server.version()}"
        except BackendError as error:
            healthy, detail = False, error.detail
        return HealthStatus(healthy=healthy, detail=detail, latency_seconds=time.monotonic() - begun)

    async def probe(self) -> Outlook:
        """What ``open`` would find. Raises StartFailure, BackendError."""
        try:
            await self.open()
            return Outlook(f"OpenSearch {await self._server.version()}")
        finally:
            await self.close()

    async def _write(self, collection: Collection, records: Sequence[Record]) -> list[tuple[tuple[int, int], bool]]:
        """The version that is stored behind each record's write, and whether it is a tombstone."""
        if not records:
            return []
        places = await self._places(collection, records)
        stored: list[tuple[tuple[int, int], bool]] = []
        for lines in bulks(collection, records, places):
            answer = await self._server.ask("POST", "_bulk", lines=lines)
            for item in answer["items"]:
                stored.append(self._taken(item["update"], len(stored)))
        return stored

    def _taken(self, outcome: Any, index: int) -> tuple[tuple[int, int], bool]:
        """Any: the server's answer. Raises BackendError, RecordRefused naming the ``index``."""
        if (error := outcome.get("error")) is None:
            state = outcome["get"]["_source"]
            return (state["updated_at"], state["revision"]), state.get("deleted_at") is not None
        if error.get("type") == _NOT_THERE:
            self._there.clear()
            raise BackendUnavailable(
                f"{self._server.place}: the index {outcome['_index']} was removed; it is made anew.", retry_after=1.0
            )
        raise refusal(self._server.place, outcome["status"], error, index=index)

    async def _places(self, collection: Collection, records: Sequence[Record]) -> list[str]:
        """The index of each record, all of which are there then."""
        places = Places(self._prefix, collection)
        await self._meet(collection, places)
        days = [places.day_of(record.key) for record in records]
        unknown = {day for day in days if day is not None} - self._there
        for day in [day for day in unknown if places.is_recent(day, self._now())]:
            await self._make(day)
            self._there.add(day)
        if unknown - self._there:
            self._there |= unknown & await self._days(places)
        return [day if day in self._there else places.base for day in days]

    async def _make(self, index: str) -> None:
        """Make an index where it is not there. Raises BackendError, of a kind that blames no record."""
        try:
            await self._server.ask("PUT", index, nothing=(_EXISTS,))
        except BackendError as error:
            if type(error) is not BackendError:
                raise
            raise SchemaMismatch(error.detail, retry_after=RETRY_SECONDS) from error

    async def _days(self, places: Places) -> set[str]:
        """The indexes of days that there are."""
        found = await self._server.ask("GET", "_resolve", "index", places.days, nothing=_MISSING)
        return {each["name"] for each in (found or {}).get("indices", ())}

    async def _meet(self, collection: Collection, places: Places) -> None:
        """Make the template, and the index that always is, where they are not there. Raises SchemaMismatch."""
        async with self._meeting:
            if places.base in self._there:
                return
            await self._server.ask("PUT", "_index_template", places.base, body=definition(collection, places.patterns))
            await self._make(places.base)
            found = await self._server.ask("GET", places.base, "_mapping")
            meta = found[places.base]["mappings"].get("_meta", {})
            if meta.get("persistence") != rules_of(collection):
                raise SchemaMismatch(
                    f"{self._server.place}: the index {places.base} was not made by this release. Choose another "
                    "`prefix`, or copy the collection to another backend and back.",
                    retry_after=RETRY_SECONDS,
                )
            self._there.add(places.base)

    async def _portions(
        self, collection: Collection, wanted: Mapping[str, Any], after: str | None
    ) -> AsyncIterator[Sequence[Record]]:
        """Any: a part of a search."""
        size = portion_of(collection)
        body: dict[str, Any] = {"query": wanted, "sort": [{KEY: "asc"}], "size": size, "track_total_hits": False}
        while True:
            answer = await self._searches.answer(
                collection, body if after is None else body | {"search_after": [after]}
            )
            found = [record_of(collection, hit["_source"]) for hit in answer["hits"]["hits"]]
            if found:
                yield found
                after = found[-1].key
            if len(found) < size:
                return

    async def _drop_days(self, collection: Collection, before: datetime) -> int:
        """Remove the indexes of days that are over; how many records went with them."""
        places = Places(self._prefix, collection)
        dropped = 0
        for index in sorted(await self._days(places)):
            if places.is_over(index, before):
                await self._server.ask("POST", index, "_refresh", nothing=_MISSING)  # else some are not counted
                count = await self._server.ask("GET", index, "_count", nothing=_MISSING)
                gone = await self._server.ask("DELETE", index, nothing=_MISSING)
                self._there.discard(index)
                dropped += count["count"] if gone and count else 0
        return dropped


def _pair(record: Record) -> tuple[int, int]:
    return micros(record.updated_at), record.revision
