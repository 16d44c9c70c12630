"""``persistence health`` and ``persistence flush``: a look at, and a push to, a running service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import click
import msgspec

from entrypoints.cli.failures import CommandFailed, Exit
from entrypoints.cli.options import url_option


@click.command()
@url_option
def health(url: str) -> int:
    """Show how a running service is: exit 0 healthy, 1 degraded or not ready, 69 not reachable."""
    status, body = _ask("GET", url, "/api/v1/system/health")
    for line in report_lines(msgspec.json.decode(body)):
        click.echo(line)
    healthy = status < 400 and msgspec.json.decode(body, type=dict[str, object]).get("status") in ("healthy", "ok")
    return Exit.OK if healthy else Exit.INCOMPLETE


@click.command()
@url_option
@click.option("--timeout", default=30.0, show_default=True, type=click.FloatRange(0.1, 300), help="Seconds to wait.")
def flush(url: str, timeout: float) -> int:
    """Write everything acknowledged so far to its backend, and wait for it: exit 0 done, 1 not all in time."""
    status, body = _ask("POST", url, "/api/v1/system/flush", timeout=timeout)
    if status < 400:
        click.echo("Flushed: everything acknowledged before this call is stored.")
        return Exit.OK
    click.echo(msgspec.json.decode(body, type=dict[str, object]).get("detail"), err=True)
    return Exit.INCOMPLETE


def report_lines(value: object, indent: str = "") -> list[str]:
    """A JSON object as indented lines for a person."""
    lines: list[str] = []
    for key, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, Mapping):
            lines += [f"{indent}{key}", *report_lines(item, indent + "  ")]
        else:
            shown = {True: "yes", False: "no", None: "-"}[item] if item in (True, False, None) else item
            lines.append(f"{indent}{key:<{max(1, 24 - len(indent))}} {shown}")
    return lines


def _ask(method: str, url: str, path: str, *, timeout: float | None = None) -> tuple[int, bytes]:
    from entrypoints.client.http import Client, ServiceUnreachable

    async def ask() -> tuple[int, bytes]:
        async with Client(url, patience_seconds=0, timeout_seconds=(timeout or 10) + 5, connections=1) as client:
            answer = await client.once(method, path, params={"timeout": f"{timeout:g}"} if timeout else None)
            return answer.status, answer.body

    try:
        return asyncio.run(ask())
    except ServiceUnreachable as error:
        raise CommandFailed(
            f"{error}. Is the service running there? `persistence serve` starts one.", Exit.UNREACHABLE
        ) from None
