"""One Redis server: how it is reached, what it must promise, and what its errors mean here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.retry import Retry

from adapters.redis.address import driver_options
from domain.errors import (
    InvalidConfiguration,
    JournalFull,
    JournalRefused,
    JournalUnreachable,
    PersistenceError,
    StartFailure,
)
from domain.model.secret import Secret

Argument: TypeAlias = str | bytes | int
Answer: TypeAlias = Any  # what Redis answers has no type: each caller knows its script
Call: TypeAlias = tuple[str, Sequence[str], Sequence[Argument]]  # script, keys, arguments

OLDEST = (7, 0)
_REFUSALS = (ReadOnlyError, BusyLoadingError, ClusterDownError)  # before anything was done
_ARGUMENTS = ", with args beginning with"  # where an answer begins to repeat what was sent
_REFUSING = ("MISCONF", "NOREPLICAS", "BUSY ")  # ... as the driver has no classes for
PROMISES: Mapping[str, tuple[str, str]] = {
    "appendonly": ("yes", "what was acknowledged would be gone with the server's process"),
    "appendfsync": ("always", "what was acknowledged could be lost with the power"),
    "maxmemory-policy": ("noeviction", "what was acknowledged could be evicted to make room"),
}


class RedisServer:
    """Scripts on a server, each with a deadline; a server that promises too little is refused."""

    def __init__(
        self,
        url: Secret,
        password: Secret | None = None,
        *,
        ca_file: str = "",
        call_seconds: float = 5.0,
        place: str = "journal.url",
    ) -> None:
        """``ca_file``: of the authority that is trusted; ``call_seconds``: for one call, connecting included;
        ``place``: in the configuration, for sentences.

        Raises InvalidConfiguration.
        """
        self._place = place
        self.call_seconds = call_seconds
        given = driver_options(url, password, ca_file, place)
        try:
            self._client = redis.asyncio.from_url(
                url.reveal(),
                socket_timeout=None,  # the deadlines are kept here: the library's lose cancellations, see ``ended``
                socket_connect_timeout=call_seconds,
                retry=Retry(NoBackoff(), 0),
                health_check_interval=0,
                **given,
            )
        except ValueError as error:
            raise InvalidConfiguration(f"{place}: {error}; one reads redis://host:6379/0.") from error
        self._proved = False

    async def open(self) -> None:
        """Connect and look at the server's promises. Raises StartFailure."""
        try:
            await self._prove()
        except JournalUnreachable as error:
            raise StartFailure(f"{self._place}: {error.detail}") from error

    async def close(self) -> None:
        """Release the connections."""
        self._proved = False
        await self._client.aclose()

    async def run(self, script: str, keys: Sequence[str], *arguments: Argument) -> Answer:
        """The answer of a script of this folder, by name. Raises JournalFull, JournalRefused, JournalUnreachable."""
        (answer,) = await self.run_all([(script, keys, arguments)])
        if isinstance(answer, PersistenceError):
            raise answer
        return answer

    async def run_all(self, calls: Sequence[Call]) -> list[Answer]:
        """The answers of scripts that run one behind the other in one trip; an error where one was refused.

        Raises JournalRefused; JournalUnreachable: what became of them is not known.
        """
        await self._known()
        try:
            async with asyncio.timeout(self.call_seconds), self._client.pipeline(transaction=False) as pipeline:
                for script, keys, arguments in calls:
                    pipeline.eval(source(script), len(keys), *keys, *arguments)
                answers = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            raise await self._failed(error) from error
        return [self._meaning(answer) if isinstance(answer, Exception) else answer for answer in answers]

    async def ask(self, *command: Argument) -> Answer:
        """The answer to one command. Raises JournalFull, JournalUnreachable."""
        try:
            async with asyncio.timeout(self.call_seconds):
                return await self._client.execute_command(*command)  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            raise await self._failed(error) from error

    async def _known(self) -> None:
        """Send nothing to a server that may be another one than before. Raises JournalRefused."""
        if self._proved:
            return
        try:
            await self._prove()
        except (JournalUnreachable, StartFailure) as error:
            raise JournalRefused(error.detail, retry_after=1.0) from error

    async def _prove(self) -> None:
        """Look at version and settings: at the start, and whenever the server may be another one than before."""
        version = str((await self.ask("INFO", "server"))["redis_version"])
        if tuple(map(int, version.split(".")[:2])) < OLDEST:
            raise StartFailure(f"{self._place}: this is Redis {version}; 7.0 or newer is needed.")
        try:
            found = await self.ask("CONFIG", "GET", *PROMISES)
        except _Forbidden as error:
            raise StartFailure(
                f"{self._place}: the user may not read the server's settings; grant it +config|get."
            ) from error
        settings = _texts(found)
        for name, (wanted, otherwise) in PROMISES.items():
            if settings.get(name) != wanted:
                raise StartFailure(
                    f"{self._place}: Redis runs with {name} {settings.get(name)}, so {otherwise}. "
                    f"Set `{name} {wanted}` in redis.conf, and restart it or use CONFIG SET."
                )
        self._proved = True

    async def _failed(self, error: Exception) -> PersistenceError:
        """What the failure of a call means; the idle connections of a server that went away are of no use any more."""
        meaning = self._meaning(error)
        if not self._proved:
            with suppress(RedisError, OSError):
                await self._client.connection_pool.disconnect(inuse_connections=False)
        return meaning

    def _meaning(self, error: Exception) -> PersistenceError:
        if isinstance(error, OutOfMemoryError):
            return JournalFull("Redis has reached its maxmemory; nothing of this request was taken.", retry_after=1.0)
        if isinstance(error, AuthenticationError):
            return JournalRefused(f"Redis refuses the password: {error}.", retry_after=1.0)
        if isinstance(error, NoPermissionError):
            return _Forbidden(f"Redis refuses: {error}.", retry_after=1.0)
        if not isinstance(error, ResponseError):
            self._proved = False  # it may come back as another one
        what = str(error).partition(_ARGUMENTS)[0].rstrip(".") or f"it did not answer within {self.call_seconds:g} s"
        if isinstance(error, _REFUSALS) or what.startswith(_REFUSING):
            return JournalRefused(f"Redis takes nothing now: {what}.", retry_after=1.0)
        if isinstance(error, ResponseError) and "user_script" in what:
            return ScriptFailed(f"Redis holds what no script expects: {what}.", retry_after=1.0)
        return JournalUnreachable(f"Redis cannot be used: {what}.", retry_after=1.0)


class ScriptFailed(JournalUnreachable):
    """A key has a value of another kind: the same call would meet it again."""


class _Forbidden(JournalRefused):
    """The user lacks a right."""


def _texts(found: Answer) -> dict[str, str]:
    pairs = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
    return {_text(name): _text(value) for name, value in pairs}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@cache
def source(script: str) -> str:
    """The text of a script."""
    return (files("adapters.redis") / "scripts" / f"{script}.lua").read_text(encoding="utf-8")
