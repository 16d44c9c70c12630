"""One question to a running service, and its answer on the screen."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from entrypoints.cli.failures import CommandFailed, Exit

if TYPE_CHECKING:
    from entrypoints.client.http import Answer, Parameters

F = TypeVar("F", bound=Callable[..., Any])  # any command function
WRONG_QUESTION = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


def json_option(function: F) -> F:
    """``--json``: the answer as the service gave it."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(function)


def ask(method: str, url: str, path: str, *, params: Parameters | None = None, timeout: float = 30.0) -> Answer:
    """Send one request, once; whatever the service answers. Raises ServiceUnreachable."""
    from entrypoints.client.http import Client

    async def once() -> Answer:
        async with Client(url, patience_seconds=0, timeout_seconds=timeout + 5, connections=1) as client:
            return await client.once(method, path, params=params)

    return asyncio.run(once())


def asked(method: str, url: str, path: str, *, params: Parameters | None = None) -> Answer:
    """As ``ask``, for an answer that must be a good one. Raises CommandFailed with what the service says, and cures."""
    answer = ask(method, url, path, params=params)
    if answer.ok:
        return answer
    problem = answer.problem
    code = Exit.USAGE if answer.status in WRONG_QUESTION else Exit.INCOMPLETE
    raise CommandFailed(f"{problem.detail} {problem.cure}".strip(), code)


def print_json(body: bytes) -> None:
    """JSON as it came; indented where a person looks at it."""
    shown = msgspec.json.format(body, indent=2) if sys.stdout.isatty() else body
    click.echo(shown.decode(errors="replace"))
