"""``persistence keyring``: the keys that fields are encrypted by, from the first to the last."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from adapters.keyring import key_file
from domain.errors import InvalidConfiguration
from entrypoints.cli.asking import asked, json_option, print_json
from entrypoints.cli.audit import audited
from entrypoints.cli.failures import CommandFailed, Exit, on_interrupt
from entrypoints.cli.options import url_option
from entrypoints.cli.tables import print_table
from entrypoints.settings import load_settings

_KEYRING = "/api/v1/system/keyring"
_RELOAD = "/api/v1/system/reload"
_POLL_SECONDS = 0.2
F = TypeVar("F", bound=Callable[..., Any])  # any command function


class _Use(msgspec.Struct):
    values: int
    dead_letters: int


class _Looked(msgspec.Struct):
    encrypted: list[str]
    records: int
    plain: int
    rewritten: int
    unreadable: int
    finished: bool
    last_error: str | None
    finished_at: datetime | None = None


class _State(msgspec.Struct):
    active: str
    keys: dict[str, _Use]
    collections: dict[str, _Looked]
    finished: bool
    clean: bool


def _file(_: click.Context, __: click.Parameter, value: str | None) -> Path:
    found = value or load_settings().keyring.file
    if not found:
        raise click.BadParameter("no file of keys is configured here (`file` in [keyring]); name one.")
    return Path(found).expanduser()


def file_option(function: F) -> F:
    """``--file FILE``."""
    text = "File of keys.  [default: as configured here]"
    return click.option("--file", metavar="FILE", callback=_file, help=text)(function)


def _named() -> str:
    """An id that no key has had: backups need the keys of their time, and know them by their ids alone."""
    return time.strftime("k%Y%m%d-%H%M%S")


@click.group()
def keyring() -> None:
    """Make, exchange and retire the keys that fields are encrypted by.

    \b
    Example: persistence keyring create keys.toml
    Exit:    see each of them
    """


@keyring.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--id", "key_id", metavar="ID", help="Of its first key.  [default: k and the time]")
def create(file: Path, key_id: str | None) -> None:
    """Make a file with a first key, and one by which equal values are found.

    Keep a copy where the data is not: without its keys nobody can read what is encrypted.

    \b
    Example: persistence keyring create keys.toml
    Exit:    0 made, 78 it is there already, or cannot be made
    """
    chosen = key_id or _named()
    with audited("keyring.create", f"{chosen} in {file}"):
        key_file.create(file, chosen)
    click.echo(f'{file} is made. Name it in the configuration: [keyring] file = "{file.absolute()}"')


@keyring.command(name="list")
@url_option
@json_option
def list_keys(url: str, as_json: bool) -> None:
    """List the keys of a running service, and how much is encrypted under each.

    \b
    Example: persistence keyring list
    Exit:    0 listed, 1 it has no keys, 69 no service answers
    """
    answer = asked("GET", url, _KEYRING)
    state = answer.read(_State)
    if as_json:
        return print_json(answer.body)
    rows = [(id_, id_ == state.active, use.values, use.dead_letters) for id_, use in state.keys.items()]
    print_table(("key", "active", "values", "dead letters"), rows)
    click.echo()
    looked = [
        (name, ", ".join(each.encrypted) or None, each.records, each.plain, each.unreadable, each.last_error)
        for name, each in state.collections.items()
    ]
    print_table(("collection", "encrypted", "looked at", "plain", "unreadable", "last error"), looked)
    if counted := _when(state):
        click.echo(f"\n{counted}")
    if not state.finished:
        click.echo("The records are being looked at: these are not all yet.", err=True)
    elif not state.clean:
        click.echo("Some were encrypted anew since they were counted; the next look counts them anew.", err=True)
    return None


def _when(state: _State) -> str:
    """Of which time the numbers are; empty while some are not all yet."""
    ends = sorted(f"{each.finished_at:%Y-%m-%d %H:%M:%S}" for each in state.collections.values() if each.finished_at)
    if len(ends) < len(state.collections) or not ends:
        return ""
    at = f"look ended at {ends[0]}" if ends[0] == ends[-1] else f"looks ended from {ends[0]} to {ends[-1]}"
    return f"The latest {at} UTC; what was written since is not counted."


@keyring.command()
@click.option("--id", "key_id", metavar="ID", help="Of the new key.  [default: k and the time]")
@click.option("--prepare", is_flag=True, help="Only put the key into the file, for other instances to get it first.")
@file_option
@url_option
def rotate(key_id: str | None, file: Path, url: str, *, prepare: bool) -> None:
    """Put a new key into the file, and have the running service encrypt by it.

    What is stored is encrypted anew in the background; until then the former keys decrypt it. Of several instances
    each must have the new key before one encrypts by it: --prepare, copy the file to all of them and reload them, then
    `persistence keyring rotate --id` with its id.

    \b
    Example: persistence keyring rotate --id k2
    Exit:    0 done, 1 the service refuses it, 69 no service answers,
             78 the file cannot be used; at 1 and 69 it is changed all the same
    """
    chosen = key_id or _named()
    with audited("keyring.rotate", f"{chosen} in {file}{', prepared' if prepare else ''}"):
        if chosen in key_file.read_keys(file).keys:
            if prepare or key_id is None:
                raise InvalidConfiguration(f"keyring.file: {file} has a key {chosen!r} already; choose another --id.")
            key_file.activate(file, chosen)
        else:
            key_file.add(file, chosen, active=not prepare)
        _reload(url)
    if prepare:
        return click.echo(
            f"The key {chosen} decrypts from now on; `persistence keyring rotate --id {chosen}` has it encrypt, when "
            "every instance has it."
        )
    return click.echo(f"The key {chosen} encrypts from now on; `persistence keyring list` shows what is left to do.")


@keyring.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(0), default=600.0, show_default=True, help="How long to wait."
)
@file_option
@url_option
def retire(key_id: str, timeout: float, file: Path, url: str) -> None:
    """Take a key out of the file, once nothing stored is encrypted under it any more.

    The service looks through all of its records first, and through its dead letters, but not into the journals of
    other instances: reload and flush all of them before. Backups that were made before need the key still: keep a copy
    of it as long as them.

    \b
    Example: persistence keyring retire k1
    Exit:    0 done, 1 it is still needed, or that cannot be told,
             69 no service answers, 78 it is the active key, or the file
             cannot be used
    """
    with audited("keyring.retire", f"{key_id} in {file}"):
        _check_retirable(key_id, file)
        with on_interrupt(lambda: "the key stays."):
            _unused(url, key_id, time.monotonic() + timeout)
        key_file.remove(file, key_id)
        _reload(url)
    return click.echo(f"The key {key_id} is gone from {file}.")


def _reload(url: str) -> None:
    """Tell the service that its file of keys has changed."""
    with on_interrupt(lambda: "the file is changed; `persistence reload` tells the service of it."):
        asked("POST", url, _RELOAD)


def _check_retirable(key_id: str, file: Path) -> None:
    """Raises InvalidConfiguration for a key that is not in the file, or is its active one."""
    keys = key_file.read_keys(file)
    if key_id not in keys.keys:
        raise InvalidConfiguration(f"keyring.file: {file} has no key {key_id!r}; there are: {', '.join(keys.keys)}.")
    if key_id == keys.active:
        raise InvalidConfiguration(
            f"keyring.file: {key_id!r} encrypts; `persistence keyring rotate` makes another one."
        )


def _unused(url: str, key_id: str, deadline: float) -> None:
    """Return when nothing is under a key. Raises CommandFailed."""
    while True:
        state = _looked(url, deadline)
        use = state.keys.get(key_id, _Use(values=0, dead_letters=0))
        if use.values and not any(each.rewritten for each in state.collections.values()):
            unreadable = sum(each.unreadable for each in state.collections.values())
            why = f"{unreadable:,} records cannot be read" if unreadable else "nothing encrypts them anew"
            raise CommandFailed(f"{use.values:,} values are encrypted under {key_id}, and {why}.", Exit.INCOMPLETE)
        if use.dead_letters and not use.values:
            raise CommandFailed(
                f"{use.dead_letters:,} values in dead letters are encrypted under {key_id}; replay or purge them first "
                "(`persistence dead-letters`).",
                Exit.INCOMPLETE,
            )
        if not use.values:
            return


def _looked(url: str, deadline: float) -> _State:
    """What a look at everything has found. Raises CommandFailed."""
    asked("POST", url, f"{_KEYRING}/rewrap")
    while True:
        state = asked("GET", url, _KEYRING).read(_State)
        for name, each in state.collections.items():
            if each.last_error:
                raise CommandFailed(f"{name} cannot be looked through: {each.last_error}", Exit.INCOMPLETE)
        if state.finished:
            return state
        if time.monotonic() > deadline:
            raise CommandFailed("Not all records were looked at in time; the key stays.", Exit.INCOMPLETE)
        time.sleep(_POLL_SECONDS)
