"""The line that a command leaves of what it does to the service's data or keys: the one that a service leaves."""

from __future__ import annotations

import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import getuid

import click

from domain.errors import PersistenceError
from entrypoints.cli.failures import Interrupted
from entrypoints.settings import Settings, load_settings


@dataclass
class Act:
    """What a command does."""

    subject: str  # what it does it to
    is_begun: bool = True  # before that, an error ends nothing


@contextmanager
def audited(action: str, subject: str, settings: Settings | None = None, *, is_begun: bool = True) -> Iterator[Act]:
    """Leave the line that a service leaves, on stderr, whatever ends the work: what was done before an end stays done.

    ``action``: as the API would call it; ``settings``: None for those of this folder, where there are any;
    ``is_begun``: False for work that says itself when it has taken hold of something; else an error leaves no line.

    Raises OSError where it cannot be written: what was made is not shown then.
    """
    from adapters.system.clock import SystemClock
    from domain.model.observations import AdministratorActed
    from entrypoints.assembly import build_logs

    act, tell = Act(subject, is_begun), build_logs(settings or _settings_here(), SystemClock(), sys.stderr)
    try:
        yield act
    except BaseException as error:
        if act.is_begun:
            tell(AdministratorActed(action=action, subject=act.subject[:500], actor=whose(), error=_code(error)))
        raise
    tell(AdministratorActed(action=action, subject=act.subject[:500], actor=whose()))


def whose() -> str:
    """Whose command this is, for the list of keys and for whoever asks later."""
    try:
        return f"{pwd.getpwuid(getuid()).pw_name}, by command"
    except KeyError:
        return f"user {getuid()}, by command"


def _code(error: BaseException) -> str:
    if isinstance(error, PersistenceError):
        return error.code
    return "interrupted" if isinstance(error, KeyboardInterrupt | Interrupted | click.Abort) else "failed"


def _settings_here() -> Settings:
    """How a line looks must not keep a command from its work: the configuration may lack what is made here."""
    try:
        return load_settings()
    except PersistenceError:
        return Settings()
