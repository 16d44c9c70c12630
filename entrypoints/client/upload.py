"""Import: records from files into a running service, several requests at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import msgspec

from domain.model.users import USERS
from entrypoints.client.aside import aside
from entrypoints.client.failures import ServiceUnreachable
from entrypoints.client.http import Answer, Client, ItemProblem, Problem
from entrypoints.client.records import PATHS, Portion, Refusal, portions, size_of

KEPT_REFUSALS = 1000  # named in the summary; the others are only counted
_TERMS = {"on_error": "continue"}
_JUDGED = frozenset({USERS.envelope})  # kinds whose batches are answered when stored, with a verdict for each record
_SPLIT = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
Progress = Callable[[int, int], None]


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Lines whose records the service has not acknowledged; ``last`` None: to the end of the file."""

    file: str
    first: int
    last: int | None


class _Taken(msgspec.Struct, frozen=True):
    """The part of a 202 answer that counts."""

    count: int
    errors: tuple[ItemProblem, ...] = ()


class _Judged(msgspec.Struct, frozen=True):
    """What became of one record of a batch."""

    index: int
    verdict: str
    problem: Problem | None = None


class _Results(msgspec.Struct, frozen=True):
    """The part of a 200 answer that counts."""

    results: tuple[_Judged, ...]


class Upload:
    """One run over some files. A record the service refuses is named and left out; the others go on.

    The first portion that nobody acknowledges within the client's patience ends the run: what was acknowledged stays.
    """

    def __init__(self, client: Client, *, batch_size: int, in_flight: int) -> None:
        self.acknowledged = 0
        self.refused = 0
        self.refusals: list[Refusal] = []
        self.failure: ServiceUnreachable | None = None  # why the run ended early
        self.seconds = 0.0
        self._client = client
        self._batch_size = batch_size
        self._slots = asyncio.Semaphore(in_flight)
        self._progress: Progress = lambda *_: None
        self._position = 0  # in the files, in bytes: the furthest that is acknowledged
        self._open: dict[tuple[str, int], Gap] = {}

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What was read or waited for and not acknowledged, in order; neighbours joined."""
        joined: list[Gap] = []
        for gap in sorted(self._open.values(), key=lambda gap: (gap.file, gap.first)):
            before = joined[-1] if joined else None
            if before and before.file == gap.file and before.last is not None and before.last + 1 >= gap.first:
                joined[-1] = msgspec.structs.replace(before, last=gap.last)
            else:
                joined.append(gap)
        return tuple(joined)

    async def run(self, files: Sequence[Path], progress: Progress) -> None:
        """Send everything; ``progress`` is told the records acknowledged and the position in the files, in bytes.

        A file that is named twice is sent once.
        """
        files = tuple(dict.fromkeys(files))
        self._progress = progress
        begun = time.monotonic()
        behind = 0
        for file in files:
            self._open[str(file), 0] = Gap(file=str(file), first=1, last=None)
        try:
            async with asyncio.TaskGroup() as group:
                for file in files:
                    await self._send_file(group, file, behind)
                    if self.failure is not None:
                        break
                    behind += size_of(file)
        finally:
            self.seconds = time.monotonic() - begun

    async def _send_file(self, group: asyncio.TaskGroup, file: Path, behind: int) -> None:
        async for portion in aside(portions(file, self._batch_size)):
            if isinstance(portion, Refusal):
                self._refuse(portion)
                continue
            await self._slots.acquire()
            if self.failure is not None:
                return
            self._begin(portion)
            group.create_task(self._deliver(portion, behind))
        self._open.pop((str(file), 0))

    def _begin(self, portion: Portion) -> None:
        """From here on the portion is open by itself, and the file only behind it."""
        file, last = portion.file, portion.lines[-1]
        self._open[file, portion.lines[0]] = Gap(file=file, first=portion.lines[0], last=last)
        self._open[file, 0] = Gap(file=file, first=last + 1, last=None)

    async def _deliver(self, portion: Portion, behind: int) -> None:
        try:
            await self._send(portion)
        except ServiceUnreachable as error:
            self.failure = self.failure or error
        else:
            self._open.pop((portion.file, portion.lines[0]))
            self._position = max(self._position, behind + portion.position)  # answers overtake each other
            self._progress(self.acknowledged, self._position)
        finally:
            self._slots.release()

    async def _send(self, portion: Portion) -> None:
        answer = await self._post(portion)
        if answer.status == HTTPStatus.ACCEPTED:
            taken = answer.read(_Taken)
            self.acknowledged += taken.count
            self._refuse_items(portion, taken.errors, len(portion.records) - taken.count)
        elif answer.status == HTTPStatus.OK and portion.envelope in _JUDGED:
            self._count_judged(portion, answer.read(_Results).results)
        elif answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and portion.envelope in _JUDGED:
            await self._send_others(portion, answer.problem.errors)
        elif answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            self._refuse_items(portion, answer.problem.errors, len(portion.records))
        elif answer.status in _SPLIT:
            await self._take_apart(portion, answer)
        else:
            raise answer.refusal

    async def _post(self, portion: Portion) -> Answer:
        """Under a key of its own: where the answer is lost, the service tells it again and takes nothing twice."""
        path, terms = f"{PATHS[portion.envelope]}/batch", {} if portion.envelope in _JUDGED else _TERMS
        return await self._client.request("POST", path, params=terms, body=portion.body, key=uuid4().hex)

    def _count_judged(self, portion: Portion, results: Sequence[_Judged]) -> None:
        for result in results:
            if result.problem is None:
                self.acknowledged += 1
            else:
                line = portion.lines[result.index]
                self._refuse(Refusal(file=portion.file, line=line, detail=result.problem.detail))

    async def _send_others(self, portion: Portion, errors: Sequence[ItemProblem]) -> None:
        """A batch that is judged as a whole: name the records that spoil it, and send the others."""
        places = {int(place) for error in errors if (place := [*error.pointer.split("/"), ""][2]).isdecimal()}
        places = {place for place in places if place < len(portion.records)} or set(range(len(portion.records)))
        self._refuse_items(portion, errors, len(places))
        rest = portion.without(places)
        if rest.records:
            await self._send(rest)

    async def _take_apart(self, portion: Portion, answer: Answer) -> None:
        """The request as a whole was refused: halve it until the record that spoils it is alone."""
        if len(portion.records) == 1:
            self._refuse(Refusal(file=portion.file, line=portion.lines[0], detail=_said(answer)))
            return
        for half in portion.halves():
            await self._send(half)

    def _refuse_items(self, portion: Portion, errors: Sequence[ItemProblem], count: int) -> None:
        faults: dict[int, str] = {}
        for error in errors:
            _, _, index, *field = [*error.pointer.split("/"), "", ""][:4]
            if index.isdecimal() and int(index) < len(portion.records):
                unnamed_field = field[0] and f"`{field[0]}`" not in error.detail
                faults.setdefault(int(index), f"{field[0]}: {error.detail}" if unnamed_field else error.detail)
        for place, detail in list(faults.items())[:count]:
            self._refuse(Refusal(file=portion.file, line=portion.lines[place], detail=detail))
        unnamed = count - len(faults)
        if unnamed > 0:
            first, last = portion.lines[0], portion.lines[-1]
            detail = f"{unnamed} more records of lines {first}-{last} were refused; a smaller batch size names them"
            self._refuse(Refusal(file=portion.file, line=first, detail=detail), unnamed)

    def _refuse(self, refusal: Refusal, count: int = 1) -> None:
        self.refused += count
        if len(self.refusals) < KEPT_REFUSALS:
            self.refusals.append(refusal)


def _said(answer: Answer) -> str:
    """Why a request was refused; a proxy before the service does not always say it."""
    try:
        return answer.problem.detail
    except ServiceUnreachable:
        return f"refused with status {answer.status}"
