"""A translation worker, and the ledger of what it was promised, kept outside of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from http import HTTPStatus

import msgspec

from entrypoints.cli.demo.catalogue import Json
from entrypoints.cli.failures import CommandFailed, Exit
from entrypoints.client.failures import ServiceUnreachable
from entrypoints.client.http import Answer, Client

_BATCH = 3  # tasks a request
_IN_FLIGHT = 4  # requests at a time


class Worker:
    """Sends finished tasks until all are sent or the service is gone."""

    def __init__(self, client: Client) -> None:
        self.acknowledged: set[str] = set()  # keys whose request was answered with 202
        self.unanswered: list[tuple[str, ...]] = []  # keys of each request that never had an answer
        self._client = client
        self._changed = asyncio.Event()

    @property
    def open(self) -> set[str]:
        """Keys that were sent, and of which nobody knows whether they were taken."""
        return {key for batch in self.unanswered for key in batch}

    async def run(self, tasks: Mapping[str, Json]) -> None:
        """Work through the tasks. Raises CommandFailed where the service refuses one."""
        keys = list(tasks)
        batches = iter([tuple(keys[begin : begin + _BATCH]) for begin in range(0, len(keys), _BATCH)])
        await asyncio.gather(*(self._work(tasks, batches) for _ in range(_IN_FLIGHT)))

    async def until(self, acknowledged: int) -> None:
        """Return when so many tasks are acknowledged."""
        while len(self.acknowledged) < acknowledged:
            self._changed.clear()
            await self._changed.wait()

    async def _work(self, tasks: Mapping[str, Json], batches: Iterable[tuple[str, ...]]) -> None:
        for batch in batches:
            body = msgspec.json.encode({"tasks": [tasks[key] for key in batch]})
            try:
                taken(await self._client.once("POST", "/api/v1/translation/tasks/batch", body=body))
            except ServiceUnreachable:
                self.unanswered.append(batch)
                return
            self.acknowledged.update(batch)
            self._changed.set()


def taken(answer: Answer) -> None:
    """The service said yes. Raises CommandFailed where it did not."""
    if answer.status != HTTPStatus.ACCEPTED:
        raise CommandFailed(f"the service answered {answer.status}: {answer.problem.detail}", Exit.INCOMPLETE)
