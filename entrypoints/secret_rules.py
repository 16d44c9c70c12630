"""Secrets that protect nothing: everybody knows them, or may read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from domain.errors import InvalidConfiguration
from domain.model.secret import Secret, exposure

if TYPE_CHECKING:
    from entrypoints.decoding import Tree
    from entrypoints.settings import Settings

_KNOWN = frozenset(
    {"", "admin", "changeme", "default", "guest", "minioadmin", "mysql", "opensearch", "password", "persistence"}
    | {"postgres", "redis", "root", "secret", "test", "123456", "12345678", "changeit", "letmein"}
)
_ALWAYS = "keyring."
_NAMES = (".user",)  # masked beside their passwords, but no secrets: OpenSearch calls its first one admin


def check_secrets(settings: Settings, file: Path) -> None:
    """Keys of encrypted fields are for nobody else, nor is any secret where callers have to authenticate.

    ``file``: of the configuration, which need not be there. Raises InvalidConfiguration that names the key.
    """
    found = _exposure(file)
    text = file.read_text(encoding="utf-8") if found else ""
    is_asking = settings.auth.mode != "off"
    for key, secret in secrets_of(settings):
        password = _password_of(secret)
        if password is None or key.endswith(_NAMES) or not (is_asking or key.startswith(_ALWAYS)):
            continue
        if password.lower() in _KNOWN:
            raise InvalidConfiguration(f"{key}: everybody knows this secret. Choose one of chance, there and here.")
        if secret and secret in text:
            raise InvalidConfiguration(f"{key}: {found}, or set the key by the environment.")


def secrets_of(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every secret that is set, by the path of its key."""
    yield from _differing(settings.tree(Secret.reveal), settings.tree(lambda _: "\0"))


def _differing(told: Tree, hidden: Tree, place: str = "") -> Iterator[tuple[str, str]]:
    for key, value in told.items():
        if isinstance(value, dict):
            yield from _differing(value, hidden[key], f"{place}{key}.")
        elif value != hidden[key]:
            yield f"{place}{key}", str(value)


def _password_of(secret: str) -> str | None:
    """The password in an address, None where there is none; all of what is no address."""
    try:
        parts = urlsplit(secret)
        if not parts.hostname:
            return secret
        return None if parts.password is None else unquote(parts.password)
    except ValueError:
        return secret


def _exposure(file: Path) -> str:
    try:
        status = file.stat()
    except OSError:
        return ""
    return exposure(file, status.st_uid, status.st_mode)
