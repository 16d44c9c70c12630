"""What happens in the demonstration, and the reckoning at its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from domain.model.translation import SESSIONS, TASKS
from entrypoints.cli.demo.catalogue import INTERRUPTED, KEYS, Catalogue, Json, equal
from entrypoints.cli.demo.process import ServiceProcess
from entrypoints.cli.demo.worker import Worker, taken
from entrypoints.cli.failures import CommandFailed, Exit
from entrypoints.cli.saying import counted
from entrypoints.cli.tables import print_table
from entrypoints.client.download import Download
from entrypoints.client.http import Answer, Client
from entrypoints.client.upload import Upload

_ROOT = "/api/v1/translation"
_COLUMNS = ("target_lang", "source_text", "translated_text")
_KILL_AFTER = 36  # acknowledged translations


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the reckoning."""

    text: str
    promised: int
    kept: int


class _Items(msgspec.Struct):
    items: list[Json]
    total: int


class _Progress(msgspec.Struct):
    counts: dict[str, int]
    total: int


class _Session(msgspec.Struct):
    tasks: _Progress


class _Restored(msgspec.Struct):
    tasks: list[Json]
    statistics: _Progress


class Story:
    """One demonstration in one temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.promises: list[Promise] = []
        self._folder = folder
        self._catalogue = Catalogue()
        self._service = ServiceProcess(folder)

    async def run(self) -> None:
        """Tell it all. Raises CommandFailed where a step cannot be done."""
        try:
            _say("Start", f"the service, ready after {await self._service.start():.1f} s at {self._service.url}")
            async with Client(self._service.url, patience_seconds=15) as client:
                await self._load(client)
                await self._look(client)
                worker = await self._work_until_killed(client)
                _say("Restart", f"on the same folder: ready after {await self._service.start():.1f} s")
                await self._go_on(client, await self._restore(client, worker))
                await self._count(client)
        finally:
            await self._service.kill()

    async def _load(self, client: Client) -> None:
        upload = Upload(client, batch_size=100, in_flight=4)
        await upload.run(self._catalogue.write_unfinished(self._folder), lambda *_: None)
        if upload.refused or upload.gaps:
            raise CommandFailed(f"the records were not taken: {upload.failure or upload.refusals}", Exit.INCOMPLETE)
        _say(
            "Load",
            f"{upload.acknowledged:,} real records (Django's translations), on disk after {upload.seconds:.2f} s",
        )

    async def _look(self, client: Client) -> None:
        params = {"page_size": "6", "count": "exact", "fields": ",".join(_COLUMNS), "sort_by": "source_text"}
        params |= {"status": "completed", "source_text__contains": "password", "consistency": "strong"}
        found = _good(await client.request("GET", f"{_ROOT}/tasks", params=params)).read(_Items)
        _say("Look", f"{found.total} finished translations speak of a password:")
        click.echo("\n$ persistence query tasks status=completed source_text__contains=password \\")
        click.echo("    --sort source_text --fields target_lang,source_text,translated_text -n 6")
        print_table(_COLUMNS, [[item[name] for name in _COLUMNS] for item in found.items], texts=_COLUMNS[1:])
        click.echo()

    async def _work_until_killed(self, client: Client) -> Worker:
        """A worker translates one session; the service dies while requests are on their way."""
        _say("Work", f"a client translates the Japanese session: {await self._progress(client)}")
        worker = Worker(client)
        working = asyncio.ensure_future(worker.run(self._catalogue.work))
        enough = asyncio.ensure_future(worker.until(_KILL_AFTER))
        await asyncio.wait((working, enough), return_when=asyncio.FIRST_COMPLETED)
        await self._service.kill()
        await working
        done, unsent = len(worker.acknowledged), len(_unsent(self._catalogue.work, worker))
        cut = f"{len(worker.open)} in {counted(len(worker.unanswered), 'open request')}"
        _say("Kill -9", f"the service dies: {done} acknowledged, {cut}, {unsent} not sent")
        return worker

    async def _restore(self, client: Client, worker: Worker) -> dict[str, Json]:
        """Ask for the session back, as a client that knows nothing but its id; judge what comes."""
        begun = time.monotonic()
        answer = _good(await client.request("POST", f"{_ROOT}/recovery/restore/{INTERRUPTED}"))
        restored = answer.read(_Restored)
        unfinished = {task["task_id"]: task for task in restored.tasks}
        seconds, cut = time.monotonic() - begun, len(worker.open & unfinished.keys())
        of_them = f"({len(unfinished) - cut} not sent, {cut} open)"
        _say("Restore", f"{_share(restored.statistics)}, {len(unfinished)} given back in {seconds:.2f} s {of_them}")
        self.promises += judged(self._catalogue.work, worker, unfinished)
        return unfinished

    async def _go_on(self, client: Client, unfinished: dict[str, Json]) -> None:
        """The client finishes what it was given back."""
        work, worker = self._catalogue.work, Worker(client)
        await worker.run({key: work[key] for key in unfinished if key in work})
        if worker.unanswered:
            raise CommandFailed("the service was gone once more, and nobody had killed it", Exit.INCOMPLETE)
        body = msgspec.json.encode({"sessions": [self._catalogue.sessions[INTERRUPTED]]})
        taken(await client.request("POST", f"{_ROOT}/sessions/batch", body=body))
        _say("Go on", f"the client finishes the rest: {await self._progress(client)}")

    async def _count(self, client: Client) -> None:
        sent = {"sessions": self._catalogue.sessions, "tasks": self._catalogue.tasks}
        kept = 0
        for collection in (SESSIONS, TASKS):
            kind = collection.envelope
            async for page in Download(client, collection).pages():
                stored = [msgspec.json.decode(record, type=Json) for record in page]
                kept += sum(equal(sent[kind].get(found[KEYS[kind]], {"": ""}), found) for found in stored)
        total = sum(map(len, sent.values()))
        self.promises.append(Promise(text="every record is stored as it was sent, once", promised=total, kept=kept))
        _say("Count", "everything is exported and compared with what was sent, field by field")

    async def _progress(self, client: Client) -> str:
        await client.request("POST", "/api/v1/system/flush")
        session = _good(await client.request("GET", f"{_ROOT}/sessions/{INTERRUPTED}")).read(_Session)
        return _share(session.tasks)


def judged(work: dict[str, Json], worker: Worker, unfinished: dict[str, Json]) -> list[Promise]:
    """What a kill must not break, against what the restored session shows."""
    unsent = _unsent(work, worker)
    whole = [batch for batch in worker.unanswered if len({key in unfinished for key in batch}) == 1]
    acknowledged = worker.acknowledged - unfinished.keys()
    return [
        Promise(
            text="what was acknowledged survives kill -9",
            promised=len(worker.acknowledged),
            kept=len(acknowledged),
        ),
        Promise(
            text="a request without an answer is taken whole or not at all",
            promised=len(worker.unanswered),
            kept=len(whole),
        ),
        Promise(
            text="a restore brings back every task that was not sent",
            promised=len(unsent),
            kept=len(unsent & unfinished.keys()),
        ),
    ]


def show(promises: Sequence[Promise]) -> None:
    """The reckoning as a table."""
    click.echo()
    print_table(("promised", "", "kept"), [(each.text, each.promised, each.kept) for each in promises])
    click.echo()


def _say(step: str, sentence: str) -> None:
    click.echo(f"{click.style(f'{step:<8}', bold=True)} {sentence}")


def _unsent(work: dict[str, Json], worker: Worker) -> set[str]:
    """Keys that the worker had not come to when the service died."""
    return work.keys() - worker.acknowledged - worker.open


def _share(progress: _Progress) -> str:
    return f"{progress.counts.get('completed', 0)} of {progress.total} tasks completed"


def _good(answer: Answer) -> Answer:
    if not answer.ok:
        raise CommandFailed(f"the service answered {answer.status}: {answer.problem.detail}", Exit.INCOMPLETE)
    return answer
