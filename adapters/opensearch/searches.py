"""Asks all indexes of a collection at once; lists see what was written before they were asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from adapters.opensearch.connection import OpenSearchServer
from adapters.opensearch.filters import Clause
from adapters.opensearch.pages import timeout
from adapters.opensearch.places import Places
from domain.errors import BackendError, BackendUnavailable, InvalidParameter, QueryTimeout
from domain.model.collections import Collection
from domain.model.policies import MAX_RECORD_BYTES, PAGE_CHARACTERS

_PORTION_BYTES = 64 * 1024 * 1024  # of an answer, if every record in it is as long as it may be
_PORTION = 250  # records of an answer, however short they are
_WHAT_IS_THERE = {"ignore_unavailable": "true", "allow_no_indices": "true"}
_AWAY = 503  # also where an index is just being made, by another instance
_WAITED = 408
_TIMED_OUT = "Time exceeded"  # how a search ends that may not be partial
_KEPT = "1m"  # a moment, between two looks at it


def portion_of(collection: Collection) -> int:
    """How many records of a collection one answer may hold."""
    longest = sum(field.max_bytes or 4 * (field.max_chars or 16) for field in collection.fields)
    return max(1, min(_PORTION, _PORTION_BYTES // min(longest, MAX_RECORD_BYTES)))


class Searches:
    """Searches of a collection's records, each with a deadline."""

    def __init__(self, server: OpenSearchServer, prefix: str) -> None:
        self._server = server
        self._prefix = prefix

    async def answer(self, collection: Collection, body: Clause) -> Any:
        """The answer to a search, whose size is bounded by who asks. Any: the server's.

        Raises QueryTimeout, BackendError.
        """
        await self._refresh(collection)
        return await self._searched(collection, body, Places(self._prefix, collection).all)

    async def page(self, collection: Collection, body: Clause) -> Any:
        """The same of any size, a portion of the records at a time, all as of one moment. Any: the server's.

        Raises InvalidParameter, naming ``page_size``, where they are too large; else as above.
        """
        size, portion = body["size"], portion_of(collection)
        answer = await self.answer(collection, body | {"size": min(size, portion)})
        if size <= portion or len(answer["hits"]["hits"]) < portion:
            return answer
        async with self._moment(collection) as moment:
            answer = await self._searched(collection, body | moment | {"size": portion})
            hits = found = answer["hits"]["hits"]
            while len(found) == portion and len(hits) < size:
                _check_size(hits)
                place = {"from": body["from"] + len(hits), "size": min(portion, size - len(hits))}
                uncounted = {"track_total_hits": False, "aggs": {}}
                found = (await self._searched(collection, body | moment | uncounted | place))["hits"]["hits"]
                hits += found
        _check_size(hits)
        return answer

    async def patient(self, collection: Collection, method: str, *path: str, **more: Any) -> Any:
        """The answer to a call that reads; an index that is just being made, by whomever, is waited for.

        Any: as documented for the server's ``ask``.
        """
        seconds = self._server.settings.query_seconds
        given = {"seconds": seconds, **more}
        try:
            return await self._server.ask(method, *path, **given)
        except BackendUnavailable as error:
            if getattr(error.__cause__, "status_code", None) != _AWAY:
                raise
        health = ("_cluster", "health", Places(self._prefix, collection).all)
        ready = {"wait_for_status": "yellow", "timeout": timeout(seconds), "expand_wildcards": "open"}
        await self._server.ask("GET", *health, params=ready, seconds=seconds + 1, nothing=(_WAITED,))
        return await self._server.ask(method, *path, **given)

    @asynccontextmanager
    async def _moment(self, collection: Collection) -> AsyncGenerator[Clause]:
        """What a search has in it that sees the records as they are now."""
        await self._refresh(collection)
        path = ("POST", Places(self._prefix, collection).all, "_search", "point_in_time")
        params = _WHAT_IS_THERE | {"keep_alive": _KEPT, "allow_partial_pit_creation": "false"}
        name = (await self.patient(collection, *path, params=params))["pit_id"]
        try:
            yield {"pit": {"id": name, "keep_alive": _KEPT}}
        finally:
            with suppress(BackendError):  # it ends by itself
                await self._server.ask("DELETE", "_search", "point_in_time", body={"pit_id": [name]})

    async def _refresh(self, collection: Collection) -> None:
        path, seconds = ("POST", Places(self._prefix, collection).all, "_refresh"), self._server.settings.query_seconds
        await self._server.ask(*path, params=_WHAT_IS_THERE, seconds=seconds)

    async def _searched(self, collection: Collection, body: Clause, indexes: str = "") -> Any:
        """Any: the server's answer; ``indexes``: none where the body names a moment."""
        seconds = self._server.settings.query_seconds
        path, params = ((indexes, "_search"), _WHAT_IS_THERE) if indexes else (("_search",), {})
        late = QueryTimeout(f"No answer within {seconds:g} s. Narrow the list by a time, a level or an id.")
        try:
            answer = await self.patient(
                collection,
                "POST",
                *path,
                body={"timeout": timeout(seconds), **body},
                params={**params, "allow_partial_search_results": "false"},
                seconds=seconds + 1,  # the server's own deadline comes first
            )
        except BackendError as error:
            if _TIMED_OUT not in error.detail:
                raise
            raise late from error
        if answer["timed_out"]:
            raise late
        return answer


def _check_size(hits: Sequence[Any]) -> None:
    """Any: the server's."""
    texts = (value for hit in hits for value in hit["_source"].get("values", {}).values() if isinstance(value, str))
    if sum(map(len, texts)) > PAGE_CHARACTERS:
        raise InvalidParameter(
            f"`page_size`: the first {len(hits)} records hold more than {PAGE_CHARACTERS} characters; "
            "ask for fewer at once."
        )
