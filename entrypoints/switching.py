"""Moves a collection of a running service to another backend.

It is copied and compared whole while the service tells which records it goes on writing; these are compared again, in
ever smaller rounds. For the last of them the flush is held back, and the route turns. The journal is the bridge: what
arrives meanwhile is acknowledged and waits. Whenever this ends or dies, the hold ends by a reload of the configuration,
and the file says where the collection is: in the source until both sides were proved equal under one unbroken hold, in
the target from the moment its name stands in the file.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from http import HTTPStatus
from math import inf
from pathlib import Path

import msgspec
import tomlkit

from domain.errors import PersistenceError
from domain.model.collections import Collection
from domain.services.ending import ended
from domain.services.mirroring import Mirror
from entrypoints.backends import naming
from entrypoints.client.failures import ServiceUnreachable
from entrypoints.client.http import Answer, Client
from entrypoints.copying import CopyJob, Report, Verified
from entrypoints.settings import load_settings

PREPARED_SECONDS = 120  # for catching up
HOLD_SECONDS = 30
_RENEW_SECONDS = 10.0
_ASK_SECONDS = 1.0  # between two questions for what was written
_SHORT_SECONDS = 0.3  # a round of catching up that leaves little to the time in which the flush is held
_SHORTER = 0.7  # times the round before, or further ones gain nothing
_ROUNDS = 20  # at most
_SYSTEM = "/api/v1/system"


class NotSwitched(Exception):
    """One sentence on why a route stays as it was."""


class _Route(msgspec.Struct):
    backend: str


class _Held(msgspec.Struct):
    hold: str


class _Followed(msgspec.Struct):
    follow: str
    keys: Sequence[str]


class _Routes(msgspec.Struct):
    routes: Mapping[str, _Route]


class _Reloaded(msgspec.Struct):
    routes: Mapping[str, str]


class Switch:
    """The way of one collection of the service behind ``client`` from one backend to another."""

    def __init__(self, client: Client, job: CopyJob, collection: Collection, file: Path) -> None:
        """``file``: the configuration that the service reads."""
        self._client = client
        self._job = job
        self._name = collection.name
        self._file = file.resolve()
        self._held_as = ""
        self._followed_as = ""
        self._asking = asyncio.Lock()
        self._changed: set[str] = set()  # keys of records that were written since they were compared

    async def run(self, source: str, target: str, report: Report) -> Verified:
        """Raises NotSwitched, ServiceUnreachable, BackendError; the collection is served from its source then."""
        kept_in = await self._route()
        if kept_in != source:
            raise NotSwitched(f"{self._name} is kept in {kept_in}, not in {source}.")
        await self._job.copy(report)
        mirror = self._job.mirror()
        with naming(target):
            async with self._followed():
                await mirror.compare()
                _refuse_surplus(mirror, source, target)
                await self._asked("POST", f"{self._buffer}/prepare", towards=target, seconds=str(PREPARED_SECONDS))
                await self._catch_up(mirror)
                async with self._held():
                    verified = await self._turned(mirror, source, target)
        self._job.forget()
        return verified

    async def _turned(self, mirror: Mirror, source: str, target: str) -> Verified:
        """Under a hold: compare the last records, and turn the route."""
        await self._follow(mirror)
        _refuse_surplus(mirror, source, target)
        verified = Verified(source=mirror.source, target=mirror.target)
        if mirror.differing or not verified.equal:
            raise NotSwitched(f"{source} and {target} differ in {self._name} although its flush was held.")
        with self._rewritten(target):
            await self._turn(source, target)
        return verified

    @property
    def _buffer(self) -> str:
        return f"{_SYSTEM}/buffers/{self._name}"

    async def _catch_up(self, mirror: Mirror) -> None:
        """Compare what was written meanwhile, until little is left for the time in which the flush is held.

        Where a round is hardly shorter than the one before, the source is written as fast as it can be followed.
        """
        before = inf
        for _ in range(_ROUNDS):
            begun = time.monotonic()
            await self._follow(mirror)
            took = time.monotonic() - begun
            if took < _SHORT_SECONDS or took > _SHORTER * before:
                return
            before = took

    async def _follow(self, mirror: Mirror) -> None:
        await self._ask()
        changed, self._changed = self._changed, set()
        await mirror.follow(changed)

    @asynccontextmanager
    async def _followed(self) -> AsyncIterator[None]:
        """In the block, the service notes which records it writes to the backend."""
        begun = await self._asked("POST", f"{self._buffer}/follow")
        self._followed_as = begun.read(_Followed).follow
        asking = asyncio.create_task(self._ask_on())
        try:
            yield
        finally:
            await ended(asking)

    async def _ask_on(self) -> None:
        """So that it is not forgotten, and never tells much at once; where it fails, so does the next question."""
        while True:
            await asyncio.sleep(_ASK_SECONDS)
            await self._ask()

    async def _ask(self) -> None:
        """Learn what was written up to now."""
        async with self._asking:  # the answer to a former question has arrived
            told = await self._asked("POST", f"{self._buffer}/follow", follow=self._followed_as)
            self._changed.update(told.read(_Followed).keys)

    async def _route(self) -> str:
        return (await self._asked("GET", f"{_SYSTEM}/routes")).read(_Routes).routes[self._name].backend

    async def _turn(self, source: str, target: str) -> None:
        """End the hold, which reads the new route."""
        answer = await self._client.once("POST", f"{self._buffer}/release", params={"hold": self._held_as})
        if answer.status == HTTPStatus.CONFLICT:  # it ended by itself: before the file was rewritten, or behind that
            if await self._route() == target:
                return
        elif answer.ok and answer.read(_Reloaded).routes[self._name] != target:
            raise NotSwitched(f"The service does not read {self._file}: {self._name} stays in {source}.")
        if not answer.ok:
            raise NotSwitched(f"{answer.problem.detail} {answer.problem.cure}".strip())

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        """The flush is held back in the block, and goes on behind it, whatever happens."""
        begun = await self._asked("POST", f"{self._buffer}/hold", seconds=str(HOLD_SECONDS))
        self._held_as = begun.read(_Held).hold
        renewal = asyncio.create_task(self._renew())
        try:
            yield
        except BaseException:
            with suppress(NotSwitched, ServiceUnreachable):  # if it cannot be asked, the hold ends by itself
                await self._asked("POST", f"{self._buffer}/release", hold=self._held_as)
            raise
        finally:
            await ended(renewal)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            await self._asked("POST", f"{self._buffer}/hold", seconds=str(HOLD_SECONDS), hold=self._held_as)

    async def _asked(self, method: str, path: str, **params: str) -> Answer:
        answer = await self._client.once(method, path, params=params)
        if not answer.ok:
            raise NotSwitched(f"{answer.problem.detail} {answer.problem.cure}".strip())
        return answer

    @contextmanager
    def _rewritten(self, target: str) -> Iterator[None]:
        """The file names the target in the block, and behind it; the former text comes back where that is refused.

        Where the outcome is unknown the target stands: the service takes it up at the end of the hold.
        """
        former = self._file.read_text(encoding="utf-8")
        replace_durably(self._file, routed(former, self._name, target))
        try:
            try:
                chosen = load_settings(self._file).collection(self._name).backend
            except PersistenceError as error:
                raise NotSwitched(error.detail) from error
            if chosen != target:
                raise NotSwitched(f"The environment routes {self._name} to {chosen}, whatever {self._file} says.")
            yield
        except NotSwitched:
            replace_durably(self._file, former)
            raise


def _refuse_surplus(mirror: Mirror, source: str, target: str) -> None:
    if mirror.surplus:
        raise NotSwitched(
            f"{target} has records that {source} has not, or newer ones: {', '.join(mirror.surplus)}. "
            "Empty the target, or look which of them are right."
        )


def routed(text: str, collection: str, backend: str) -> str:
    """A configuration, as it was written, with one route changed."""
    document = tomlkit.parse(text)
    collections = document.setdefault("collections", tomlkit.table(is_super_table=True))
    collections.setdefault(collection, tomlkit.table())["backend"] = backend
    return tomlkit.dumps(document)


def replace_durably(path: Path, text: str) -> None:
    """The file is the old one or the new one, also after a power loss."""
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), path.stat().st_mode)
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
