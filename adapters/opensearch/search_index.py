"""A search index in OpenSearch, which any number of instances fill together.

Every collection has an index of its own, and in it one document that tells how far each instance's log is in it. It is
written behind the records, and goes with them where the index is made anew, or removed by whomever.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from adapters.opensearch.connection import OpenSearchServer
from adapters.opensearch.documents import STATE, IndexState, definition, reaching, rules_of, taking
from adapters.opensearch.errors import RETRY_SECONDS, refusal
from adapters.opensearch.finding import preference, request, result, shown, texts_of
from adapters.opensearch.settings import OpenSearchSettings
from domain.errors import BackendError, BackendUnavailable, QueryTimeout, SchemaMismatch, StartFailure
from domain.model.collections import Collection
from domain.model.query import check_filter
from domain.model.records import HealthStatus, Record
from domain.model.search import Hit, IndexPosition, SearchQuery, SearchResult

_EXISTS = "resource_already_exists_exception"
_NO_SHARD = "no_shard_available_action_exception"  # being made, or read in after a start: a write waits for it
_MISSING = (404,)
_TEXTS_AT_ONCE = 8  # hits whose texts are held for their highlights


class OpenSearchIndex:
    """Indexes with names of their own, which this service makes."""

    def __init__(self, settings: OpenSearchSettings, prefix: str, *, start_seconds: float = 2.0) -> None:
        """``prefix``: of the indexes' names; ``start_seconds``: that a server which does not answer may delay a start.

        Raises InvalidConfiguration.
        """
        self._start_seconds = start_seconds
        self._server = OpenSearchServer(settings)
        self._prefix = prefix
        self._made: dict[str, str] = {}  # by collection: the index that was met last
        self._shown = Counter[str]()  # by collection: calls that were begun to let searches see what was written
        self._showing = asyncio.Lock()

    async def open(self) -> None:
        """Get ready. A server that does not answer is waited for by whoever needs it; a wrong one, or a wrong password,
        is a StartFailure.
        """
        await self._server.open()
        try:
            async with asyncio.timeout(self._start_seconds):
                await self._server.version()
        except SchemaMismatch as error:
            await self._server.close()
            raise StartFailure(f"search: {error.detail}") from error
        except (BackendError, TimeoutError):
            return

    async def close(self) -> None:
        """Let the connections go."""
        await self._server.close()

    async def position(self, collection: Collection, origin: str) -> IndexPosition | None:
        """As the port says; makes the index where there is none."""
        state = await self._meet(collection)
        return IndexPosition(origin, state.positions[origin]) if origin in state.positions else None

    async def clear(self, collection: Collection) -> None:
        """Remove the index, and make it anew. Raises SchemaMismatch where it is not this service's."""
        if (meta := await self._meta(collection)) is not None:
            self._check_ours(collection, meta)
            await self._server.ask("DELETE", self._name(collection), nothing=_MISSING)
        await self._meet(collection)

    async def index(
        self, collection: Collection, records: Sequence[Record], position: IndexPosition | None = None
    ) -> None:
        """As the port says; the position behind the records."""
        made = self._made.get(collection.name) or (await self._meet(collection)).made
        for begin, lines in taking(records, collection):
            answer = await self._write(collection, "_bulk", lines=lines)
            self._check_taken(collection, begin, answer)
        if position is not None:
            reached = reaching(made, position.origin, position.through)
            answer = await self._write(collection, "_update", STATE, body=reached, params={"retry_on_conflict": "100"})
            if answer["result"] == "noop":
                raise self._gone(collection)

    async def search(self, collection: Collection, query: SearchQuery) -> SearchResult:
        """As the port says; whole where the index is so, and the same one, before and behind."""
        check_filter(collection, query.filter)
        seconds = self._server.settings.query_seconds
        body = request(collection, query, seconds)
        before = await self._state(collection)
        if before is None:
            return SearchResult(hits=(), total=0, total_exact=True, more=False, whole=False)
        await self._show(collection)
        answer = await self._ask(
            *(collection, "POST", self._name(collection), "_search"),
            body=body,
            params={"preference": preference(query)},
            seconds=seconds + 1,  # the server's own deadline comes first
        )
        if answer["timed_out"]:
            raise QueryTimeout(f"No answer within {seconds:g} s. Look for longer words, or more of them.")
        behind = await self._state(collection)
        whole = before.is_whole and behind is not None and behind.is_whole and behind.made == before.made
        found = result(query, answer, whole=whole)
        return await self._highlighted(collection, query, found) if query.highlight else found

    async def health_check(self) -> HealthStatus:
        """Ask for the server's version."""
        begun = time.monotonic()
        try:
            healthy, detail = True, f"OpenSearch {await self._server.version()}"
        except BackendError as error:
            healthy, detail = False, error.detail
        return HealthStatus(healthy=healthy, detail=detail, latency_seconds=time.monotonic() - begun)

    async def _highlighted(self, collection: Collection, query: SearchQuery, found: SearchResult) -> SearchResult:
        """Texts may be long: a few hits' at a time."""
        hits: list[Hit] = []
        wanted = ",".join(f"values.{field.name}" for field in collection.searchable)
        for begin in range(0, len(found.hits), _TEXTS_AT_ONCE):
            portion = found.hits[begin : begin + _TEXTS_AT_ONCE]
            answer = await self._ask(
                *(collection, "POST", self._name(collection), "_mget"),
                body=texts_of(portion),
                params={"_source_includes": wanted},
                seconds=self._server.settings.query_seconds,
            )
            hits += [shown(collection, query, *each) for each in zip(portion, answer["docs"], strict=True)]
        return msgspec.structs.replace(found, hits=tuple(hits))

    def _name(self, collection: Collection) -> str:
        return f"{self._prefix}-{collection.name}"

    def _alias(self, collection: Collection) -> str:
        """What is written to: where the index is gone, so is this, and nothing is made by a write."""
        return f"{self._prefix}-{collection.name}-write"

    async def _ask(self, collection: Collection, method: str, *path: str, **more: Any) -> Any:
        """An answer of the collection's index; where that is gone, it is met anew the next time. Any: as documented."""
        answer = await self._server.ask(method, *path, nothing=_MISSING, **more)
        if answer is None:
            raise self._gone(collection)
        return answer

    async def _write(self, collection: Collection, *path: str, params: Mapping[str, str] = {}, **more: Any) -> Any:
        """Any: as above."""
        params = {**params, "require_alias": "true"}
        return await self._ask(collection, "POST", self._alias(collection), *path, params=params, **more)

    def _gone(self, collection: Collection) -> BackendUnavailable:
        self._made.pop(collection.name, None)
        return BackendUnavailable(
            f"{self._server.place}: the index {self._name(collection)} was removed, or made anew by another instance.",
            retry_after=RETRY_SECONDS,
        )

    def _check_taken(self, collection: Collection, begin: int, answer: Any) -> None:
        """Raise what the first record's error means. Any: the server's answer."""
        if not answer["errors"]:
            return
        for place, item in enumerate(answer["items"], begin):
            outcome = item["update"]
            if error := outcome.get("error"):
                if error["type"] == "index_not_found_exception":
                    raise self._gone(collection)
                raise refusal(self._server.place, outcome["status"], error, index=place)

    async def _show(self, collection: Collection) -> None:
        """Let searches see what was written, by whomever; those that wait share the next such call."""
        before = self._shown[collection.name]
        async with self._showing:
            if self._shown[collection.name] != before:
                return  # one that began later has come to its end
            self._shown[collection.name] += 1
            try:
                await self._ask(collection, "POST", self._name(collection), "_refresh")
            except BaseException:
                self._shown[collection.name] = before
                raise

    async def _meet(self, collection: Collection) -> IndexState:
        """The state of the index, which is made where there is none. Raises SchemaMismatch, BackendError."""
        state = await self._state(collection)
        if state is None:
            await self._begin(collection)
            state = await self._state(collection)
        if state is None:
            raise self._gone(collection)
        self._made[collection.name] = state.made
        return state

    async def _state(self, collection: Collection) -> IndexState | None:
        seconds = self._server.settings.query_seconds
        path, unknown = (self._name(collection), "_doc", STATE), (*_MISSING, _NO_SHARD)
        found = await self._server.ask("GET", *path, seconds=seconds, nothing=unknown)
        if found is None:
            return None
        try:
            state = msgspec.convert(found["_source"], IndexState)
        except (LookupError, TypeError, msgspec.ValidationError):
            raise self._foreign(collection) from None
        if state.rules != rules_of(collection):
            raise SchemaMismatch(
                f"{self._server.place}: the index {self._name(collection)} was made by the rules of another release. "
                "`persistence search rebuild` makes it anew."
            )
        return state

    async def _begin(self, collection: Collection) -> None:
        """Make the index and its state, unless another instance is faster with either."""
        meta = await self._meta(collection)
        if meta is None:
            body = definition(collection, secrets.token_hex(8), self._alias(collection))
            await self._server.ask("PUT", self._name(collection), body=body, nothing=(_EXISTS,))
            meta = await self._meta(collection)
        if meta is None:
            raise self._gone(collection)
        self._check_ours(collection, meta)
        state = IndexState(made=meta["made"], rules=meta["persistence"], positions={})
        path = (self._alias(collection), "_create", STATE)
        await self._server.ask("PUT", *path, body=state, params={"require_alias": "true"}, nothing=(404, 409))

    async def _meta(self, collection: Collection) -> dict[str, Any] | None:
        """What an index says of itself; None where there is none. Any: whoever made it said it."""
        seconds = self._server.settings.query_seconds
        name = self._name(collection)
        found = await self._server.ask("GET", name, "_mapping", seconds=seconds, nothing=_MISSING)
        return None if found is None else next(iter(found.values()))["mappings"].get("_meta", {})

    def _check_ours(self, collection: Collection, meta: dict[str, Any]) -> None:
        """Any: as above."""
        if "persistence" not in meta or "made" not in meta:
            raise self._foreign(collection)

    def _foreign(self, collection: Collection) -> SchemaMismatch:
        return SchemaMismatch(
            f"{self._server.place}: the index {self._name(collection)} was not made by this service. "
            "Choose another `search.prefix`, or remove that index."
        )
