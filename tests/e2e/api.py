"""Single requests to the service, never repeated: what became of each is the test's own affair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

import aiohttp
import msgspec

ROOT = "/api/v1/translation"
PAGE = 1000
KEYS = {"sessions": "session_id", "tasks": "task_id"}

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
        self, method: str, path: str, *, body: Json = None, params: Mapping[str, str] | None = None
    ) -> Reply:
        """One request. Raises one of ``Lost`` where no whole answer came."""
        assert self._session is not None, "the client is not open"
        data = msgspec.json.encode(body) if body is not None else None
        headers = {"Content-Type": "application/json"} if body is not None else None
        async with self._session.request(
            method, self._url + path, params=params, data=data, headers=headers
        ) as response:
            content = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            decoded = msgspec.json.decode(content) if content and is_json else None
            return Reply(status=response.status, body=decoded, headers=dict(response.headers))

    async def post_batch(self, envelope: str, records: list[Json]) -> Reply:
        """Send one batch of "sessions" or "tasks"."""
        return await self.send("POST", f"{ROOT}/{envelope}/batch", body={envelope: records})

    async def get(self, envelope: str, key: str) -> Json:
        """One record, or None where there is none; waits while the service replays its log."""
        while True:
            reply = await self.send("GET", f"{ROOT}/{envelope}/{key}")
            if reply.status == 404:
                return None
            if reply.status == 200:
                return reply.body
            assert reply.code == "replaying", reply
            await asyncio.sleep(0.05)

    async def flush(self) -> None:
        """Wait until everything acknowledged is stored."""
        reply = await self.send("POST", "/api/v1/system/flush", params={"timeout": "25"})
        assert reply.status == 200, reply

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
