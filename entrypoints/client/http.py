"""Requests to a running service, repeated while repeating can help."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from domain.model.secret import Secret
from entrypoints.client.failures import KeyRefused, NotTheService, ServiceUnreachable
from entrypoints.client.reasons import of_connection

RETRIED = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
MAX_ANSWER_BYTES = 128 * 1024 * 1024  # no page of the service's is so large
_OTHER_VERSION = frozenset({"route_not_found", "method_not_allowed"})  # said by a service that lacks the address
_IN_PROGRESS = "idempotency_key_in_progress"  # of a request whose connection was lost, most often
_FIRST_DELAY = 0.1  # seconds; doubles with each try
_LONGEST_DELAY = 5.0
_QUIET_SECONDS = 1.0  # for so long a service may be gone without a word about it


T = TypeVar("T")
Parameters = Mapping[str, str] | Sequence[tuple[str, str]]  # pairs: a name may be repeated


class ItemProblem(msgspec.Struct, frozen=True):
    """One place in a refused request."""

    pointer: str = ""
    code: str = ""
    detail: str = ""


class Problem(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457), as far as a client acts on it."""

    code: str
    detail: str
    title: str = ""
    cure: str = ""
    errors: tuple[ItemProblem, ...] = ()

    @property
    def sentence(self) -> str:
        """What went wrong, without a dot."""
        return self.detail.rstrip(".")


class Answer(msgspec.Struct, frozen=True):
    """A response that is final."""

    url: str
    status: int
    body: bytes
    retry_after: float = 0.0  # seconds the service wants to be left alone

    @property
    def ok(self) -> bool:
        """Whether the service did what was asked."""
        return self.status < HTTPStatus.BAD_REQUEST

    def read(self, shape: type[T]) -> T:
        """The body as a value of a type. Raises NotTheService where it is none."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise NotTheService(self.url) from None

    @property
    def is_passing(self) -> bool:
        """Whether the same request, sent again later, may be answered otherwise. Raises ServiceUnreachable."""
        in_progress = self.status == HTTPStatus.CONFLICT and self.problem.code == _IN_PROGRESS
        return in_progress or self.status in RETRIED

    @property
    def problem(self) -> Problem:
        """What the service says went wrong. Raises ServiceUnreachable where that is nothing a client can act on."""
        try:
            problem = self.read(Problem)
        except NotTheService:
            if self.status not in RETRIED:
                raise
            raise ServiceUnreachable(f"{self.url} answers {self.status}, as a proxy without a service does") from None
        if problem.code in _OTHER_VERSION:
            raise NotTheService(self.url)
        return problem

    @property
    def refusal(self) -> ServiceUnreachable:
        """What to raise where going on makes no sense."""
        try:
            kind = KeyRefused if self.status in _REFUSED else ServiceUnreachable
            return kind(f"{self.url} answers {self.status}: {self.problem.sentence}")
        except ServiceUnreachable as error:
            return error


class Client:
    """One connection pool to one service; ``async with`` opens and closes it."""

    def __init__(
        self,
        url: str,
        *,
        patience_seconds: float = 60.0,
        timeout_seconds: float = 30.0,
        connections: int = 8,
        key: Secret | None = None,
        on_trouble: Callable[[str], None] = lambda _: None,
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> None:
        """``patience_seconds``: for how long a request is repeated; ``timeout_seconds``: of a single try; ``key``: that
        the service asks for, or another token.

        ``on_trouble`` is told, once until it is over, what the repeating is about; ``on_bytes`` the size of each part
        of an answer.
        """
        parts = urlsplit(url.rstrip("/"))
        self.url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # a password is not for messages
        self._base = url.rstrip("/")
        self._patience = patience_seconds
        self._timeout = timeout_seconds
        self._connections = connections
        self._shown = _credential(key.reveal()) if key else {}
        self._on_trouble = on_trouble
        self._on_bytes = on_bytes
        self._troubled = False
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections), headers=self._shown
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        body: bytes | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send, and send again after a lost connection, a timeout, 429 or 503. Raises ServiceUnreachable.

        ``key``: names the request, so that however often it is sent, the service carries it out once. Without one, the
        service tells a repeated record by its version.
        """
        begun = time.monotonic()
        delay = _FIRST_DELAY
        while True:
            pause = random.uniform(delay / 2, delay)  # noqa: S311  (jitter, not a secret)
            try:
                answer = await self.once(method, path, params=params, body=body, key=key)
            except NotTheService:
                raise
            except ServiceUnreachable as error:
                failure = error
            else:
                if not answer.is_passing:
                    self._troubled = False
                    return answer
                failure = answer.refusal
                pause = max(pause, answer.retry_after)
            if time.monotonic() + pause > begun + self._patience:
                raise failure
            self._tell(failure, time.monotonic() + pause - begun)
            await asyncio.sleep(pause)
            delay = min(2 * delay, _LONGEST_DELAY)

    async def once(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        body: bytes | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send once and return whatever is answered. Raises ServiceUnreachable where nothing is."""
        async with self.response(method, path, params=params, body=body, key=key, seconds=self._timeout) as response:
            return await self.whole(response)

    @contextlib.asynccontextmanager
    async def response(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        body: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
        seconds: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send once; the body may be read as it arrives, for ``seconds`` at most.

        ``headers``: of a body that is not JSON. Raises ServiceUnreachable.
        """
        if self._session is None:
            raise RuntimeError("the client is not open")
        said = dict(headers or ({"Content-Type": "application/json"} if body is not None else {}))
        said |= {"Idempotency-Key": key} if key is not None else {}
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=5, sock_read=self._timeout)
        try:
            async with self._session.request(
                *(method, self._base + path),
                params=params,
                data=body,
                headers=said,
                timeout=timeout,
                allow_redirects=False,  # records and answers go where the user said
            ) as response:
                self._stays(response)
                yield response
        except TimeoutError:
            raise ServiceUnreachable(f"{self.url} does not answer in time") from None
        except aiohttp.ClientError as error:
            raise of_connection(self.url, error) from error

    async def whole(self, response: aiohttp.ClientResponse) -> Answer:
        """A response with its body in memory. Raises NotTheService for one that is larger than any of the service's."""
        parts = bytearray()
        async for part in response.content.iter_any():
            parts += part
            self._on_bytes(len(part))
            if len(parts) > MAX_ANSWER_BYTES:
                raise NotTheService(self.url)
        wait = response.headers.get("Retry-After", "")
        return Answer(self.url, response.status, bytes(parts), float(wait) if wait.isdecimal() else 0.0)

    def _stays(self, response: aiohttp.ClientResponse) -> None:
        """The service never sends anybody elsewhere."""
        if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
            place = response.headers.get("Location", "nowhere")[:200]
            raise ServiceUnreachable(
                f"{self.url} sends elsewhere, to {place!r}; a --url with that address may be meant"
            )

    def _tell(self, failure: ServiceUnreachable, seconds: float) -> None:
        if not self._troubled and seconds > _QUIET_SECONDS:
            self._troubled = True
            self._on_trouble(f"{failure}; trying again for up to {self._patience:g} s")


def _credential(text: str) -> dict[str, str]:
    return {"X-API-Key": text} if text.startswith("ps_") else {"Authorization": f"Bearer {text}"}
