"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from domain.model.logs import LOGS
from domain.model.secret import Secret
from domain.model.translation import SESSIONS, TASKS
from domain.model.users import USERS
from entrypoints.setting_rules import LOOPBACK_OF
from entrypoints.settings import KEY_VARIABLE, key_of_environment, load_settings

_KEY = "persistence.key"
KINDS = {collection.envelope: collection for collection in (SESSIONS, TASKS, USERS, LOGS)}
F = TypeVar("F", bound=Callable[..., Any])  # any command function


def config_option(function: F) -> F:
    """``--config FILE``."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Configuration file; without it ./persistence.toml, or the built-in defaults.",
    )(function)


def data_dir_option(function: F) -> F:
    """``--data-dir FOLDER``."""
    return click.option("--data-dir", metavar="FOLDER", help="Folder for everything durable.  [default: ./data]")(
        function
    )


def kind_argument(function: F) -> F:
    """``sessions``, ``tasks``, ``users`` or ``logs``."""
    return click.argument("kind", metavar="|".join(KINDS), type=click.Choice([*KINDS]))(function)


def page_size_option(function: F) -> F:
    """``-n``."""
    size = click.IntRange(1, 1000)
    option = click.option(
        *("-n", "--page-size"), metavar="N", type=size, default=20, show_default=True, help="Records a page."
    )
    return option(function)


def patience_option(function: F) -> F:
    """``--patience SECONDS``."""
    seconds = click.FloatRange(0)
    text = "How long to repeat what fails."
    return click.option("--patience", metavar="SECONDS", type=seconds, default=60.0, show_default=True, help=text)(
        function
    )


def url_option(function: F) -> F:
    """``--url URL`` of a running service, by default the one that the configuration here would start; and the key."""
    text = "Address of the running service.  [default: as configured here]"
    key = click.option(
        "--api-key-file",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=_key,
        expose_value=False,
        help=f"File with the API key to show.  [default: the variable {KEY_VARIABLE}]",
    )
    return click.option("--url", metavar="URL", callback=_url, help=text)(key(function))


def shown_key() -> Secret | None:
    """The API key that the caller of this command has given."""
    context = click.get_current_context(silent=True)
    return context.meta.get(_KEY) if context else None


def _key(context: click.Context, _: click.Parameter, file: Path | None) -> None:
    try:
        key = key_of_environment() if file is None else Secret(file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise click.BadParameter(f"{file} cannot be read: {reason}.") from error
    if key is not None and not re.fullmatch(r"[!-~]{1,8000}", key.reveal()):
        raise click.BadParameter(f"{file or KEY_VARIABLE} holds no API key.")
    context.meta[_KEY] = key


def _url(_: click.Context, __: click.Parameter, value: str | None) -> str:
    if value is None:
        settings = load_settings()
        place = settings.server if settings.admin.port is None else settings.admin  # which answers everything
        return url_of(place.host, place.port or 0, encrypted=bool(settings.server.tls_certificate))
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not match, a port that is none
        sound = False
    if not sound:
        raise click.BadParameter(f"{value!r} is not an address like http://127.0.0.1:8080.")
    return value


def url_of(host: str, port: int, *, encrypted: bool = False) -> str:
    """The address by which this machine reaches a listener; with TLS by the name that certificates rather have."""
    scheme = "https" if encrypted else "http"
    loopback = LOOPBACK_OF.get(host)
    reachable = host if loopback is None else "localhost" if encrypted else loopback
    return f"{scheme}://[{reachable}]:{port}" if ":" in reachable else f"{scheme}://{reachable}:{port}"


def from_here(url: str) -> str:
    """The address of a listener as this machine reaches it: nobody can connect to all addresses at once."""
    parts = urlsplit(url)
    return url_of(parts.hostname or "", parts.port or 0, encrypted=parts.scheme == "https")
