"""``persistence health``, ``stats``, ``buffers``, ``flush``: a look at, and a push to, a running service."""

from __future__ import annotations

import click
import msgspec

from entrypoints.cli.asking import ask, asked, json_option, print_json
from entrypoints.cli.failures import CommandFailed, Exit
from entrypoints.cli.options import url_option
from entrypoints.cli.tables import print_table, report_lines

_SYSTEM = "/api/v1/system"


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


@click.command(short_help="Show how a running service is.")
@url_option
@json_option
def health(url: str, as_json: bool) -> int:
    """Show how a running service, its journal and every backend are.

    \b
    Example: persistence health && echo all is well
    Exit:    0 healthy, 1 degraded or not ready, 69 not reachable
    """
    answer = ask("GET", url, f"{_SYSTEM}/health", timeout=10)
    found = answer.read(_Health)
    if as_json:
        print_json(answer.body)
    else:
        click.echo("\n".join(report_lines(answer.read(dict[str, object]))))
    return Exit.OK if found.status == "ok" else Exit.INCOMPLETE


@click.command(short_help="Count the stored records by status, and those that wait.")
@url_option
@json_option
def stats(url: str, as_json: bool) -> None:
    """Show how many records of each collection are stored, by status, and how many wait to be.

    \b
    Example: persistence stats --json
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
    return print_table(("collection", "stored", *statuses, "waiting"), rows)


@click.command(short_help="Show what waits to be written, and what holds it up.")
@url_option
@json_option
def buffers(url: str, as_json: bool) -> None:
    """Show how much of each collection waits in the journal, since when, and what holds it up.

    \b
    Example: persistence buffers
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
    return print_table(columns, rows, texts=("last error",))


@click.command(short_help="Write everything acknowledged to its backend, now.")
@url_option
@click.option("--timeout", default=30.0, show_default=True, type=click.FloatRange(0.1, 300), help="Seconds to wait.")
def flush(url: str, timeout: float) -> int:
    """Write everything acknowledged so far to its backend, and wait for it.

    \b
    Example: persistence flush --timeout 60
    Exit:    0 done, 1 not all in time, 69 not reachable
    """
    answer = ask("POST", url, f"{_SYSTEM}/flush?timeout={timeout:g}", timeout=timeout)
    if answer.ok:
        click.echo("Flushed: everything acknowledged before this call is stored.")
        return Exit.OK
    raise CommandFailed(answer.problem.detail, Exit.INCOMPLETE)
