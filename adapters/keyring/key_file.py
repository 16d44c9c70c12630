"""A file of keys: what it holds, who may read it, and how it is made anew."""

from __future__ import annotations

import base64
import os
import secrets
import tomllib
from pathlib import Path

import msgspec

from adapters.keyring.keys import KEY_BYTES, Keys, keys_of
from domain.errors import InvalidConfiguration
from domain.model.secret import exposure

_HEAD = "# Keys of the persistence service. Who has them can read what it encrypts; who loses them cannot.\n"


class _Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    active: str
    index_key: str
    keys: dict[str, str]


def read_keys(path: Path) -> Keys:
    """The keys in a file that is open to no others (``exposure``). Raises InvalidConfiguration, naming the file."""
    content = _read(path)
    return keys_of(content.keys, content.active, content.index_key, f"keyring.file: {path}")


def create(path: Path, key_id: str) -> None:
    """Make a file with a first key and an index key. Raises InvalidConfiguration where it is there already."""
    content = _Content(active=key_id, index_key=_fresh(), keys={key_id: _fresh()})
    keys_of(content.keys, content.active, content.index_key, f"keyring.file: {path}")
    try:
        _create_with(path, _text(content))
    except OSError as error:
        raise InvalidConfiguration(f"keyring.file: {path} cannot be made: {error.strerror}.") from error


def add(path: Path, key_id: str, *, active: bool) -> None:
    """Put a fresh key into the file, and have it encrypt if it is to be ``active``. Raises InvalidConfiguration."""
    content = _read(path)
    if key_id in content.keys:
        raise InvalidConfiguration(f"keyring.file: {path} has a key {key_id!r} already.")
    keys = {**content.keys, key_id: _fresh()}
    _replace(path, msgspec.structs.replace(content, keys=keys, active=key_id if active else content.active))


def activate(path: Path, key_id: str) -> None:
    """Have a key of the file encrypt from now on. Raises InvalidConfiguration."""
    _replace(path, msgspec.structs.replace(_read(path), active=key_id))


def remove(path: Path, key_id: str) -> None:
    """Take a key out of the file; what is encrypted under it can be read no more. Raises InvalidConfiguration."""
    content = _read(path)
    keys = {each: text for each, text in content.keys.items() if each != key_id}
    _replace(path, msgspec.structs.replace(content, keys=keys))


def _read(path: Path) -> _Content:
    place = f"keyring.file: {path}"
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if found := exposure(path, status.st_uid, status.st_mode):
                raise InvalidConfiguration(f"keyring.file: {found}.")
            return msgspec.convert(tomllib.loads(file.read().decode()), _Content)
    except OSError as error:
        raise InvalidConfiguration(
            f"{place} cannot be read: {error.strerror}. Without its keys nothing that is encrypted can be read: "
            "give the file back, or make one with `persistence keyring create`."
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        reason = str(error) if isinstance(error, msgspec.ValidationError) else "it is not TOML"
        raise InvalidConfiguration(
            f"{place} is no file of keys ({reason}); it has `active`, `index_key` and a table `keys`."
        ) from None


def _replace(path: Path, content: _Content) -> None:
    """Write the file anew, whole or not at all."""
    keys_of(content.keys, content.active, content.index_key, f"keyring.file: {path}")
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _create_with(fresh, _text(content))
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise InvalidConfiguration(f"keyring.file: {path} cannot be written: {error.strerror}.") from error


def _create_with(path: Path, text: str) -> None:
    """A new file for its owner alone, on the disk when this returns. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _fresh() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _text(content: _Content) -> str:
    keys = "".join(f'{key_id} = "{text}"\n' for key_id, text in content.keys.items())
    return f'{_HEAD}active = "{content.active}"\nindex_key = "{content.index_key}"\n\n[keys]\n{keys}'
