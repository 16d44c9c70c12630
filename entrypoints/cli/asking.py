"""One question to a running service, and its answer on the screen."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from entrypoints.cli.failures import OTHER_KEY, CommandFailed, Exit
from entrypoints.cli.options import shown_key
from entrypoints.cli.progress import waiting
from entrypoints.client.failures import NotTheService, ServiceUnreachable
from entrypoints.version import VERSION

if TYPE_CHECKING:
    from entrypoints.client.http import Answer, Parameters

F = TypeVar("F", bound=Callable[..., Any])  # any command function
WRONG_QUESTION = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_NAME = "persistence"
_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(127, 160), 0x2028, 0x2029)}  # JSON itself escapes the others


class _Root(msgspec.Struct):
    """How a service introduces itself."""

    service: str
    version: str


def json_option(function: F) -> F:
    """``--json``: the answer as the service gave it."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(function)


def ask(
    method: str,
    url: str,
    path: str,
    *,
    params: Parameters | None = None,
    body: bytes | None = None,
    timeout: float = 30.0,
) -> Answer:
    """Send one request, once; whatever the service answers. Raises ServiceUnreachable."""
    from entrypoints.client.http import Client

    async def once() -> Answer:
        client = Client(
            url, patience_seconds=0, timeout_seconds=timeout + 5, connections=1, key=shown_key(), on_bytes=received
        )
        async with client:
            return await client.once(method, path, params=params, body=body)

    with waiting(f"Waiting for {url}") as received:
        return asyncio.run(once())


def asked(
    method: str,
    url: str,
    path: str,
    *,
    params: Parameters | None = None,
    body: bytes | None = None,
    timeout: float = 30.0,
) -> Answer:
    """As ``ask``, for an answer that must be a good one. Raises CommandFailed with what the service says, and cures."""
    answer = ask(method, url, path, params=params, body=body, timeout=timeout)
    if not answer.ok:
        raise refused(answer)
    return answer


def refused(answer: Answer) -> CommandFailed:
    """How a command ends that the service refuses. Raises ServiceUnreachable where it is not the service that does."""
    problem = answer.problem
    code = Exit.USAGE if answer.status in WRONG_QUESTION else Exit.INCOMPLETE
    cure = OTHER_KEY if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) else problem.cure
    wait = f" `Retry-After` is {answer.retry_after:.0f}." if answer.retry_after else ""
    return CommandFailed(f"{problem.detail} {cure}{wait}".strip(), code)


def introduced(stranger: NotTheService) -> str:
    """Who it is that does not answer as this version does, in one sentence."""
    try:
        root = ask("GET", stranger.url, "/", timeout=2).read(_Root)
    except ServiceUnreachable:
        return str(stranger)
    if root.service != _NAME or root.version == VERSION:
        return str(stranger)
    other = f"{stranger.url} is Persistence Service {root.version[:40]}"
    return f"{other}, and this command line is that of {VERSION}: they do not understand each other"


def print_json(body: bytes) -> None:
    """JSON as it came; indented, and without what could command the terminal, where a person looks at it."""
    if sys.stdout.isatty():
        return click.echo(msgspec.json.format(body, indent=2).decode(errors="replace").translate(_ESCAPES))
    return click.echo(body.rstrip())
