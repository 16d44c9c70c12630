"""Requests to a running service, repeated while repeating can help."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Self, TypeVar

import aiohttp
import msgspec

from entrypoints.client.failures import ServiceUnreachable

RETRIED = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_FIRST_DELAY = 0.1  # seconds; doubles with each try
_LONGEST_DELAY = 5.0


T = TypeVar("T")
Parameters = Mapping[str, str] | Sequence[tuple[str, str]]  # pairs: a name may be repeated


class ItemProblem(msgspec.Struct, frozen=True):
    """One place in a refused request."""

    pointer: str = ""
    code: str = ""
    detail: str = ""


class Problem(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457), as far as a client acts on it."""

    code: str = ""
    title: str = ""
    detail: str = ""
    cure: str = ""
    errors: tuple[ItemProblem, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """A response that is final."""

    status: int
    body: bytes
    retry_after: float = 0.0  # seconds the service wants to be left alone

    @property
    def ok(self) -> bool:
        """Whether the service did what was asked."""
        return self.status < HTTPStatus.BAD_REQUEST

    def read(self, shape: type[T]) -> T:
        """The body as a value of a type. Raises ServiceUnreachable where it is none: something else answers there."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ServiceUnreachable("what answers at this address is not Persistence Service") from None

    @property
    def problem(self) -> Problem:
        """What the service says went wrong; the bare status where it is no problem document."""
        try:
            return self.read(Problem)
        except ServiceUnreachable:
            return Problem(detail=f"HTTP {self.status} without a problem document")


class Client:
    """One connection pool to one service; ``async with`` opens and closes it."""

    def __init__(
        self, url: str, *, patience_seconds: float = 60.0, timeout_seconds: float = 30.0, connections: int = 8
    ) -> None:
        """``patience_seconds``: for how long a request is repeated; ``timeout_seconds``: of a single try."""
        self._url = url.rstrip("/")
        self._patience = patience_seconds
        self._timeout = timeout_seconds
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=5),
            connector=aiohttp.TCPConnector(limit=self._connections),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self, method: str, path: str, *, params: Parameters | None = None, body: bytes | None = None
    ) -> Answer:
        """Send, and send again after a lost connection, a timeout, 429 or 503. Raises ServiceUnreachable.

        Writes may be repeated too: the service tells a repeated record by its version.
        """
        deadline = time.monotonic() + self._patience
        delay = _FIRST_DELAY
        while True:
            pause = random.uniform(delay / 2, delay)  # noqa: S311  (jitter, not a secret)
            try:
                answer = await self.once(method, path, params=params, body=body)
            except ServiceUnreachable as error:
                failure = error
            else:
                if answer.status not in RETRIED:
                    return answer
                failure = ServiceUnreachable(f"{self._url} answers {answer.status}: {answer.problem.detail}")
                pause = max(pause, answer.retry_after)
            if time.monotonic() + pause > deadline:
                raise failure
            await asyncio.sleep(pause)
            delay = min(2 * delay, _LONGEST_DELAY)

    async def once(
        self, method: str, path: str, *, params: Parameters | None = None, body: bytes | None = None
    ) -> Answer:
        """Send once and return whatever is answered. Raises ServiceUnreachable where nothing is."""
        if self._session is None:
            raise RuntimeError("the client is not open")
        headers = {"Content-Type": "application/json"} if body is not None else None
        try:
            async with self._session.request(
                method, self._url + path, params=params, data=body, headers=headers
            ) as response:
                wait = response.headers.get("Retry-After", "")
                return Answer(response.status, await response.read(), float(wait) if wait.isdecimal() else 0.0)
        except TimeoutError:
            raise ServiceUnreachable(f"{self._url} does not answer in time") from None
        except aiohttp.ClientError as error:
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
            raise ServiceUnreachable(f"{self._url} cannot be reached: {reason}") from error
