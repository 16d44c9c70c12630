"""``persistence health``, ``stats``, ``buffers``, ``flush``: a look at, and a push to, a running service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import click
import msgspec

from entrypoints.cli.asking import asked, json_option, print_json, refused
from entrypoints.cli.failures import Exit, on_interrupt
from entrypoints.cli.options import shown_key, url_option
from entrypoints.cli.progress import Report, records_progress
from entrypoints.cli.tables import print_report, print_table

if TYPE_CHECKING:
    from entrypoints.client.http import Answer

_SYSTEM = "/api/v1/system"
_LOOK_SECONDS = 0.5  # between two looks at what still waits


class _Health(msgspec.Struct):
    """The part of the answer that decides."""

    status: str


class _Stored(msgspec.Struct):
    """What a collection holds; None where its backend cannot count."""

    pending: int
    accepted: int
    stored: int | None = None
    by_status: dict[str, int] | None = None


class _Stats(msgspec.Struct):
    collections: dict[str, _Stored]


class _Lane(msgspec.Struct):
    paused: bool = False
    attempt: int = 0
    last_error: str | None = None


class _Buffer(msgspec.Struct):
    records: int
    payload_bytes: int
    flush: _Lane
    oldest_accepted_at: str | None = None


class _Buffers(msgspec.Struct):
    buffers: dict[str, _Buffer]


class _Reloaded(msgspec.Struct):
    routes: dict[str, str]
    opened: tuple[str, ...]
    closed: tuple[str, ...]
    needs_restart: tuple[str, ...]


class _Flushed(msgspec.Struct):
    status: Literal["flushed"]


@click.command()
@url_option
@json_option
def health(url: str, as_json: bool) -> int:
    """Show how a running service, its journal and every backend are.

    \b
    Example: persistence health && echo all is well
    Exit:    0 healthy, 1 degraded or not ready, 69 no service answers
    """
    answer = asked("GET", url, f"{_SYSTEM}/health", timeout=10)
    found = answer.read(_Health)
    if as_json:
        print_json(answer.body)
    else:
        print_report(answer.read(dict[str, object]))
    return Exit.OK if found.status == "ok" else Exit.INCOMPLETE


@click.command()
@url_option
@json_option
def stats(url: str, as_json: bool) -> None:
    """Show how many records of each collection are stored, by status, and how many wait to be.

    \b
    Example: persistence stats --json
    Exit:    0 counted, 69 no service answers
    """
    answer = asked("GET", url, f"{_SYSTEM}/stats")
    found = answer.read(_Stats).collections
    if as_json:
        return print_json(answer.body)
    statuses = list(dict.fromkeys(name for each in found.values() for name in each.by_status or ()))
    rows = [
        (name, each.stored, *((each.by_status or {}).get(status, 0) for status in statuses), each.pending)
        for name, each in found.items()
    ]
    return print_table(("collection", "stored", *statuses, "waiting"), rows, texts=("collection",))


@click.command()
@url_option
@json_option
def buffers(url: str, as_json: bool) -> None:
    """Show how much of each collection waits in the journal, since when, and what holds it up.

    \b
    Example: persistence buffers
    Exit:    0 shown, 69 no service answers
    """
    answer = asked("GET", url, f"{_SYSTEM}/buffers")
    found = answer.read(_Buffers).buffers
    if as_json:
        return print_json(answer.body)
    columns = ("collection", "waiting", "bytes", "oldest", "paused", "failed tries", "last error")
    rows = [
        (name, b.records, b.payload_bytes, b.oldest_accepted_at, b.flush.paused, b.flush.attempt, b.flush.last_error)
        for name, b in found.items()
    ]
    return print_table(columns, rows, texts=("collection", "last error"))


@click.command()
@url_option
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0.1, 300),
    default=30.0,
    show_default=True,
    help="How long to wait for it.",
)
def flush(url: str, timeout: float) -> None:
    """Write everything acknowledged so far to its backend, and wait for it.

    \b
    Example: persistence flush --timeout 60
    Exit:    0 done, 1 not all in time, 69 no service answers
    """
    with (
        on_interrupt(lambda: "the service goes on writing; `persistence buffers` shows what waits."),
        records_progress() as progress,
    ):
        answer = asyncio.run(_flush(url, timeout, progress))
    if not answer.ok:
        raise refused(answer)
    answer.read(_Flushed)
    click.echo("Flushed: everything acknowledged before this call is stored.")


async def _flush(url: str, timeout: float, progress: Report) -> Answer:
    """Ask for it, and look meanwhile at what still waits."""
    from entrypoints.client.http import Client

    async with Client(url, patience_seconds=0, timeout_seconds=timeout + 5, connections=2, key=shown_key()) as client:
        flushing = asyncio.ensure_future(client.once("POST", f"{_SYSTEM}/flush?timeout={timeout:g}"))
        first = None
        try:
            while not (await asyncio.wait({flushing}, timeout=_LOOK_SECONDS))[0]:
                found = await client.once("GET", f"{_SYSTEM}/buffers")
                waiting = sum(each.records for each in found.read(_Buffers).buffers.values()) if found.ok else 0
                first = waiting if first is None else max(first, waiting)
                progress(first - waiting, 0, first)
            return await flushing
        finally:
            flushing.cancel()
            await asyncio.gather(flushing, return_exceptions=True)


@click.command()
@url_option
@json_option
def reload(url: str, as_json: bool) -> None:
    """Let a running service read its configuration anew, and serve by its backends and routes without a gap.

    What is new is opened and probed first; a bad file changes nothing and says why. No data is moved:
    persistence copy does that.

    \b
    Example: persistence reload
    Exit:    0 done, 1 a backend cannot be used, 2 the configuration is no good,
             69 no service answers
    """
    answer = asked("POST", url, f"{_SYSTEM}/reload")
    if as_json:
        return print_json(answer.body)
    found = answer.read(_Reloaded)
    print_table(("collection", "backend"), list(found.routes.items()))
    for word, names in (("Opened", found.opened), ("Closed", found.closed)):
        if names:
            click.echo(f"{word}: {', '.join(names)}")
    if found.needs_restart:
        click.echo(f"Changed, and heeded only after a restart: {', '.join(found.needs_restart)}", err=True)
    return None
