"""``persistence keys``: API keys, straight in the backend that holds them, whether a service runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from domain.errors import InvalidParameter, KeyNotFound
from entrypoints.cli.asking import json_option, print_json
from entrypoints.cli.audit import audited, whose
from entrypoints.cli.failures import CommandFailed, Exit
from entrypoints.cli.options import config_option, data_dir_option
from entrypoints.cli.saying import say
from entrypoints.cli.tables import print_table
from entrypoints.settings import Settings, load_settings
from ports.backend_type import BackendContext

if TYPE_CHECKING:
    from domain.model.api_keys import ApiKey, KeyText
    from domain.services.api_keys import ApiKeys, Rotation

F = TypeVar("F", bound=Callable[..., Any])  # any command function
T = TypeVar("T")
_TO_THE_MINUTE = len("2026-11-30 10:23")
_COLUMNS = ("key", "name", "state", "scopes", "expires", "last used", "made")
_NARROWEST = {"name": 12, "scopes": 26, "expires": 10, "last used": 10, "made": 10}  # the longest scope, and a date


def _place(function: F) -> F:
    return config_option(data_dir_option(function))


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke API keys, in the backend that the configuration keeps them in.

    A running service need not be asked: it sees within seconds what is changed here.

    \b
    Example: persistence keys create importer --scope write > importer.key
    Exit:    see each of the four
    """


@keys.command()
@click.argument("name")
@click.option(
    *("--scope", "scopes"),
    metavar="SCOPE",
    multiple=True,
    help="read, write, pii or admin, or like read:users for one collection; may be said again.",
)
@click.option("--expires-in", metavar="DAYS", type=click.FloatRange(0, 36_500, min_open=True), help="[default: never]")
@_place
@json_option
def create(
    name: str,
    scopes: tuple[str, ...],
    *,
    expires_in: float | None,
    config: Path | None,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Make a key, NAME saying what it is for, and print it: this once, for only a digest is kept.

    Without a scope it opens what every known caller may see: metrics, documentation, the list of addresses.

    \b
    Example: persistence keys create importer --scope write:files > importer.key
    Exit:    0 made, 1 the backend does not answer, 2 there is no such scope,
             78 the configuration is no good
    """
    settings = load_settings(config, flags={"data_dir": data_dir})
    until = None if expires_in is None else datetime.now(UTC) + timedelta(days=expires_in)
    try:
        with audited("keys.create", name, settings) as act:
            key, text = _run(settings, lambda held: held.create(name, scopes, expires_at=until, by=whose()))
            act.subject = f"{key.key_id} {' '.join(sorted(key.scopes))}"
    except InvalidParameter as error:
        raise CommandFailed(error.detail, Exit.USAGE) from None
    _print_text(settings, key, text, "Made", as_json=as_json)


@keys.command(name="list")
@_place
@json_option
def list_keys(config: Path | None, data_dir: str | None, *, as_json: bool) -> None:
    """List every key: what it may, whether it still does, when it was used last; of its secret, nothing.

    Times are UTC. A narrow terminal gets neither when a key was made nor, where that is not enough, when it was used.

    \b
    Example: persistence keys list
    Exit:    0 listed, 1 the backend does not answer,
             78 the configuration is no good
    """
    settings = load_settings(config, flags={"data_dir": data_dir})
    found = _run(settings, lambda held: held.all())
    now = datetime.now(UTC)
    if as_json:
        return print_json(msgspec.json.encode([_shown(key, now) for key in found]))
    rows = [
        (
            *(key.key_id, key.name, key.state(now), " ".join(sorted(key.scopes)) or "-"),
            *(_moment(at)[:_TO_THE_MINUTE] for at in (key.expires_at, key.used_at, key.created_at)),
        )
        for key in found
    ]
    if not rows:
        return say(f"There are no keys in {where(settings)}.")
    return print_table(
        _COLUMNS, rows, texts=[*_NARROWEST], whole=True, narrowest=_NARROWEST, spare=("made", "last used", "expires")
    )


@keys.command()
@click.argument("key_id", metavar="ID")
@_place
def revoke(key_id: str, config: Path | None, data_dir: str | None) -> None:
    """End a key for good; every instance refuses it within five seconds.

    \b
    Example: persistence keys revoke k3yxbmxy4zq2mfrw
    Exit:    0 revoked, 1 there is none, or the backend does not answer,
             78 the configuration is no good
    """
    settings = load_settings(config, flags={"data_dir": data_dir})
    with audited("keys.revoke", key_id, settings):
        _run(settings, lambda held: held.revoke(key_id, by=whose()))
    say(f"Revoked {key_id}, in {where(settings)}; every instance refuses it within five seconds.")


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap",
    metavar="SECONDS",
    type=click.FloatRange(0, 30 * 86_400),
    default=0.0,
    help="How long the former secret is accepted too. A second rotation ends the overlap of the first.  "
    "[default: not at all]",
)
@_place
@json_option
def rotate(key_id: str, *, overlap: float, config: Path | None, data_dir: str | None, as_json: bool) -> None:
    """Give a key another secret, and print it; its id and scopes stay. Every running instance takes the new one within
    five seconds.

    \b
    Example: persistence keys rotate k3yxbmxy4zq2mfrw --overlap 3600 > new.key
    Exit:    0 done, 1 there is none, or the backend does not answer,
             78 the configuration is no good
    """
    settings = load_settings(config, flags={"data_dir": data_dir})
    longer = timedelta(seconds=overlap)
    with audited("keys.rotate", key_id, settings):
        done = _run(settings, lambda held: held.rotate(key_id, overlap=longer, by=whose()))
    _print_text(settings, done.key, done.text, "Rotated", as_json=as_json)
    say(_what_ends(done))


def _run(settings: Settings, act: Callable[[ApiKeys], Awaitable[T]]) -> T:
    """What comes of an act on the keys. Raises CommandFailed, PersistenceError."""
    from adapters.system.clock import SystemClock
    from adapters.system.ids import SystemIds
    from entrypoints.credentials import Credentials
    from entrypoints.process import migrate

    if settings.keys_are_in_memory:
        raise CommandFailed(
            "Keys in memory are the running service's: POST /api/v1/system/keys, or name another `auth.backend`.",
            Exit.INCOMPLETE,
        )
    if settings.backends[settings.keys_backend].type.alone:  # embedded: every start makes it and brings it forward too
        asyncio.run(migrate(settings, [settings.keys_backend]))
    credentials = Credentials(settings, lambda _: None, SystemIds(), SystemClock())

    async def run() -> T:
        try:
            return await act(credentials.keys)
        except KeyNotFound as error:
            raise KeyNotFound(f"{error.detail} Here they are kept in {where(settings)}.") from error
        finally:
            await credentials.close()

    return asyncio.run(run())


def where(settings: Settings) -> str:
    """Where keys are kept: who stands in another folder than the service changes those of another file."""
    name = settings.keys_backend
    file = getattr(settings.backends[name].settings, "path", "") if settings.backends[name].type.alone else ""
    here = BackendContext(name=name, data_folder=settings.data_folder, collections=())
    return f"{name} ({here.path(file)})" if file else name


def _print_text(settings: Settings, key: ApiKey, text: KeyText, done: str, *, as_json: bool) -> None:
    """The key on stdout, so that it goes into a file; everything about it on stderr."""
    if as_json:
        print_json(msgspec.json.encode({"key": str(text)} | _shown(key, datetime.now(UTC))))
    else:
        click.echo(str(text))
    scopes = ", ".join(sorted(key.scopes)) or "no scope"
    until = f", until {_moment(key.expires_at)} UTC" if key.expires_at else ""
    kept = where(settings)
    say(f"{done} {key.key_id} for {key.name}: {scopes}{until}, in {kept}. Keep it now; it is never shown again.")
    if settings.auth.mode == "off":
        say('Nobody is asked for it yet: auth.mode is "off".')


def _what_ends(done: Rotation) -> str:
    """Until when the secrets before this one are taken: their holders have to be quicker."""
    ends = [at for at in (done.key.former_until, done.key.expires_at) if at is not None]
    former = f"is taken until {_moment(min(ends))} UTC" if done.key.former_until else "ends at once"
    told = [f"The former secret {former}."]
    if done.cut_short is not None:
        told.append(f"The one before it ends at once; it would have been taken until {_moment(done.cut_short)} UTC.")
    return " ".join((*told, "Every running instance takes the new one within five seconds."))


def _shown(key: ApiKey, now: datetime) -> dict[str, object]:
    whole = msgspec.to_builtins(key)
    secret = {"digest", "former_digest", "revision", "updated_at"}
    return {name: value for name, value in whole.items() if name not in secret} | {
        "scopes": sorted(key.scopes),
        "state": key.state(now),
    }


def _moment(at: datetime | None) -> str:
    return "-" if at is None else at.strftime("%Y-%m-%d %H:%M:%S")
