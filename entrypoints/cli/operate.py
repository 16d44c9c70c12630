"""``persistence health`` and ``persistence flush``: a look at, and a push to, a running service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click
import msgspec

from entrypoints.cli.failures import CommandFailed, Exit
from entrypoints.cli.options import url_option

if TYPE_CHECKING:
    from entrypoints.client.http import Answer

_WORDS = {"True": "yes", "False": "no", "None": "-"}


class _Health(msgspec.Struct):
    """The part of the answer that decides."""

    status: str


@click.command(short_help="Show how a running service is.")
@url_option
def health(url: str) -> int:
    """Show how a running service is: exit 0 healthy, 1 degraded or not ready, 69 not reachable."""
    report = _ask("GET", url, "/api/v1/system/health", timeout=10).read
    for line in report_lines(report(dict[str, object])):
        click.echo(line)
    return Exit.OK if report(_Health).status == "ok" else Exit.INCOMPLETE


@click.command(short_help="Write everything acknowledged to its backend, now.")
@url_option
@click.option("--timeout", default=30.0, show_default=True, type=click.FloatRange(0.1, 300), help="Seconds to wait.")
def flush(url: str, timeout: float) -> int:
    """Write everything acknowledged so far to its backend, and wait for it: exit 0 done, 1 not all in time."""
    answer = _ask("POST", url, f"/api/v1/system/flush?timeout={timeout:g}", timeout=timeout)
    if answer.ok:
        click.echo("Flushed: everything acknowledged before this call is stored.")
        return Exit.OK
    raise CommandFailed(answer.problem.detail, Exit.INCOMPLETE)


def report_lines(value: object, indent: str = "") -> list[str]:
    """A JSON object as indented lines for a person."""
    lines: list[str] = []
    for key, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, Mapping):
            lines += [f"{indent}{key}", *report_lines(item, indent + "  ")]
        else:
            shown = _WORDS.get(repr(item), item)
            lines.append(f"{indent}{key:<{max(1, 24 - len(indent))}} {shown}")
    return lines


def _ask(method: str, url: str, path: str, *, timeout: float) -> Answer:
    from entrypoints.client.http import Client

    async def ask() -> Answer:
        async with Client(url, patience_seconds=0, timeout_seconds=timeout + 5, connections=1) as client:
            return await client.once(method, path)

    return asyncio.run(ask())
