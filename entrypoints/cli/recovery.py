"""``persistence recovery``: interrupted sessions, and how to get one back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import click
import msgspec

from domain.model.translation import SESSIONS, TASKS
from entrypoints.cli.asking import asked, json_option, print_json, refused
from entrypoints.cli.options import page_size_option, shown_key, url_option
from entrypoints.cli.progress import Report, records_progress
from entrypoints.cli.read import SHOWN, Page, Row, segment, show_page, show_records, shown_progress
from entrypoints.cli.saying import say
from entrypoints.cli.tables import print_report
from entrypoints.client.failures import NotTheService

if TYPE_CHECKING:
    from entrypoints.client.streamed import StreamedObject

_REPORTED = 100  # tasks between two changes of the progress
_COLUMNS = SHOWN["tasks"][:-1]  # an unfinished task has no translation yet


class _Statistics(msgspec.Struct):
    """How far a session is."""

    counts: dict[str, int]


class _Restored(msgspec.Struct):
    """A restored session, with its first tasks and the number of all that came."""

    session: Row
    statistics: Row
    restored_at: str
    tasks: list[Row]
    count: int


_ROOT = "/api/v1/translation"


@click.group()
def recovery() -> None:
    """Find interrupted sessions, and get one back.

    \b
    Example: persistence recovery list
    Exit:    see each of the two
    """


@recovery.command(name="list")
@page_size_option
@click.option("--page", metavar="N", type=click.IntRange(1), default=1, help="Which page.")
@url_option
@json_option
def list_incomplete(page_size: int, page: int, url: str, as_json: bool) -> None:
    """List sessions that are pending or processing.

    \b
    Example: persistence recovery list -n 50
    Exit:    0 listed, 69 no service answers
    """
    params = {"page_size": str(page_size), "page": str(page)}
    answer = asked("GET", url, f"{_ROOT}/recovery/incomplete-sessions", params=params)
    found = answer.read(Page)
    if as_json:
        return print_json(answer.body)
    rows = [{name: item.get(name) for name in SHOWN["sessions"]} for item in found.items]
    return show_page(SESSIONS, msgspec.structs.replace(found, items=rows))


@recovery.command()
@click.argument("session_id", metavar="ID")
@click.option(
    "-n", "--tasks", "shown", metavar="N", type=click.IntRange(0), default=20, show_default=True, help="Tasks to list."
)
@url_option
@json_option
def restore(session_id: str, shown: int, url: str, as_json: bool) -> None:
    """Get a session back with all its unfinished tasks.

    Every task that is not finished is given back, whether it was acknowledged a moment ago or is stored. The first
    ones are listed; --json prints the whole answer as it arrives, however long it is.

    \b
    Example: persistence recovery restore s1 --json > session.json
    Exit:    0 restored, 1 there is no such session or it is finished,
             69 no service answers
    """
    out: Callable[[bytes], object] = _print if as_json else lambda _: None
    with records_progress(hidden=as_json and sys.stdout.isatty()) as progress:
        restored = asyncio.run(_fetch(url, f"{_ROOT}/recovery/restore/{segment(session_id)}", shown, out, progress))
    if as_json:
        return click.echo()
    return _show(restored)


def _print(chunk: bytes) -> None:
    sys.stdout.buffer.write(chunk.rstrip(b"\n"))  # no text holds a raw one; the last is said by the command


async def _fetch(url: str, path: str, shown: int, out: Callable[[bytes], object], progress: Report) -> _Restored:
    """Take the answer in with bounded memory; ``out`` gets it as it comes. Raises CommandFailed, ServiceUnreachable."""
    from entrypoints.client.http import Client
    from entrypoints.client.streamed import NotTheObject, StreamedObject

    async with (
        Client(url, patience_seconds=0, connections=1, key=shown_key()) as client,
        client.response("POST", path) as response,
    ):
        if not response.ok:
            raise refused(await client.whole(response))
        answer = StreamedObject(_copied(response.content.iter_any(), out), "tasks")
        try:
            tasks, count = await _first(answer, shown, progress)
            return msgspec.convert(answer.members | {"tasks": tasks, "count": count}, _Restored)
        except (NotTheObject, msgspec.ValidationError):
            raise NotTheService(client.url) from None


async def _copied(chunks: AsyncIterator[bytes], out: Callable[[bytes], object]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        out(chunk)
        yield chunk


async def _first(answer: StreamedObject, shown: int, progress: Report) -> tuple[list[Row], int]:
    """The first tasks, and the number of all."""
    tasks: list[Row] = []
    count = 0
    async for task in answer.items():
        count += 1
        if count <= shown:
            tasks.append(task)
        if count % _REPORTED == 0:
            progress(count, 0, _unfinished(answer.members))
    return tasks, count


def _unfinished(members: Row) -> int | None:
    """How many tasks may be expected; None where the head does not say."""
    try:
        counts = msgspec.convert(members.get("statistics"), _Statistics).counts
    except msgspec.ValidationError:
        return None
    return counts.get("pending", 0) + counts.get("processing", 0)


def _show(restored: _Restored) -> None:
    session = {key: restored.session.get(key) for key in ("session_id", "status")}
    head = {
        **session,
        "restored_at": restored.restored_at,
        "tasks": shown_progress(restored.statistics),
        "unfinished": restored.count,
    }
    print_report(head)
    if restored.tasks:
        click.echo()
        show_records(TASKS, [{name: task.get(name) for name in _COLUMNS} for task in restored.tasks])
    if restored.count > len(restored.tasks):
        say(f"{len(restored.tasks):,} of {restored.count:,} unfinished tasks; -n lists more, --json has all")
