"""Single requests to the service, never repeated: what became of each is the test's own affair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any, Self

import aiohttp
import msgspec

ROOT = "/api/v1/translation"
PAGE = 1000
KEYS = {"sessions": "session_id", "tasks": "task_id"}
FLUSH_SECONDS = 25
FLUSHES = 5  # of so long: a busy machine may need minutes for the backlog that a test has made
_BUFFER_GONE = ("journal_unreachable", "journal_refused")  # a shared buffer whose Redis does not answer

Json = Any  # JSON as it was decoded
NotSent = aiohttp.ClientConnectorError  # nobody listened
Lost = (aiohttp.ClientError, TimeoutError, ConnectionError)  # no answer: the outcome is unknown


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that arrived whole."""

    status: int
    body: Json  # None where there is none
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The stable code of a problem document, else an empty text."""
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""


class Api:
    """One connection a request, and one try."""

    def __init__(self, url: str, *, timeout_seconds: float = 30.0) -> None:
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout, connector=aiohttp.TCPConnector(force_close=True))
        # The library would send a GET or DELETE again whose answer never came, as if the first had not been.
        self._session._retry_connection = False
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: Json = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] = {},
    ) -> Reply:
        """One request; ``body`` in bytes goes as it is. Raises one of ``Lost`` where no whole answer came."""
        assert self._session is not None, "the client is not open"
        data = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        said = ({"Content-Type": "application/json"} if body is not None else {}) | dict(headers)
        async with self._session.request(method, self._url + path, params=params, data=data, headers=said) as response:
            content = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            decoded = msgspec.json.decode(content) if content and is_json else None
            return Reply(status=response.status, body=decoded, headers=dict(response.headers))

    async def page(self, path: str) -> str:
        """A text that is no JSON. Raises one of ``Lost``."""
        assert self._session is not None, "the client is not open"
        async with self._session.get(self._url + path) as response:
            assert response.status == HTTPStatus.OK, response
            return await response.text()

    async def post_batch(self, envelope: str, records: list[Json]) -> Reply:
        """Send one batch of "sessions" or "tasks"."""
        return await self.send("POST", f"{ROOT}/{envelope}/batch", body={envelope: records})

    async def get(self, envelope: str, key: str) -> Json:
        """One record, or None where there is none; waits while the service replays or its backend is gone."""
        while True:
            reply = await self.send("GET", f"{ROOT}/{envelope}/{key}")
            if reply.status == 404:
                return None
            if reply.status == 200:
                return reply.body
            assert reply.code in ("replaying", "backend_unavailable", *_BUFFER_GONE), reply
            await asyncio.sleep(0.05)

    async def flush(self) -> None:
        """Wait until everything acknowledged is stored."""
        async with asyncio.timeout(FLUSHES * FLUSH_SECONDS):
            while True:
                reply = await self.send("POST", "/api/v1/system/flush", params={"timeout": str(FLUSH_SECONDS)})
                if reply.status == HTTPStatus.OK:
                    return
                assert reply.code in ("flush_incomplete", *_BUFFER_GONE), reply
                await asyncio.sleep(0.05)

    async def everything(self, envelope: str) -> AsyncIterator[Json]:
        """All records of a kind, page by page in key order."""
        params = {"page_size": str(PAGE), "sort_by": KEYS[envelope], "order": "asc"}
        cursor: str | None = ""
        while cursor is not None:
            reply = await self.send("GET", f"{ROOT}/{envelope}", params=params | ({"cursor": cursor} if cursor else {}))
            assert reply.status == 200, reply
            for record in reply.body["items"]:
                yield record
            cursor = reply.body["next_cursor"]

    async def count(self, envelope: str, **conditions: str) -> int:
        """How many records of a kind fulfil some conditions, counted exactly by the service."""
        params = {"page_size": "1", "count": "exact"} | conditions
        reply = await self.send("GET", f"{ROOT}/{envelope}", params=params)
        assert reply.status == 200, reply
        return int(reply.body["total"])
