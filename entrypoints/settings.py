"""What an operator may decide: ``persistence.toml``, overlaid by the environment and the command line.

The only module that reads the environment. ``ops/example.toml`` documents every key.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from domain.errors import InvalidConfiguration, UnknownBackend
from domain.model.policies import BufferPolicy
from domain.model.translation import BUILT_IN

FILE_NAME = "persistence.toml"
PREFIX = "PERSISTENCE__"
MAIN = "main"  # the backend that a collection goes to when it names none

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Tree = dict[str, Any]  # TOML as it is decoded, before the types judge it


class Secret:
    """Text that is shown to nobody by accident: masked in repr, logs and ``config show``."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the driver that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "********"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: an unknown key in it is an error."""


class ServerSettings(Section, frozen=True, kw_only=True):
    """The HTTP door."""

    host: str = "127.0.0.1"
    port: Port = 8080  # 0: any free one, which the start line names
    insecure: bool = False  # listen on other than loopback addresses although nobody has to authenticate
    drain_delay_seconds: Seconds = 0.0  # how long SIGTERM keeps serving while already reporting "not ready"
    finish_seconds: Seconds = 5.0  # for requests on their way when the listener closes
    flush_seconds: Seconds = 25.0  # for the last flush; what is not done stays in the journal
    keepalive_seconds: Seconds = 75.0  # an idle connection is kept this long
    body_seconds: Seconds = 30.0  # a request's body must have arrived by then


class JournalSettings(Section, frozen=True, kw_only=True):
    """The pending log on the local disk."""

    segment_bytes: Annotated[int, msgspec.Meta(ge=16 * 1024 * 1024, le=1024 * 1024 * 1024)] = 64 * 1024 * 1024


class BufferSettings(BufferPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds and triggers of the pending log, for every collection."""

    def __post_init__(self) -> None:
        """Refuse numbers that contradict each other."""
        if not 0 < self.batch_records_min <= self.batch_records <= self.batch_records_max:
            raise ValueError("batch_records_min <= batch_records <= batch_records_max must hold, above 0")
        if not 0 < self.lane_share <= 1:
            raise ValueError("lane_share must be above 0 and at most 1")
        if not 0 <= self.linger_seconds <= self.max_age_seconds:
            raise ValueError("linger_seconds must be between 0 and max_age_seconds")
        if not 0 <= self.fast_flush_seconds < self.slow_flush_seconds:
            raise ValueError("fast_flush_seconds must be below slow_flush_seconds")
        if min(self.max_bytes, self.batch_bytes) < 1024 * 1024 or self.read_deadline_seconds < 0:
            raise ValueError("max_bytes and batch_bytes must be at least 1 MiB, read_deadline_seconds not negative")


class SqliteSettings(Section, frozen=True, kw_only=True, tag_field="type", tag="sqlite"):
    """An embedded database in one file."""

    path: str = "{data_dir}/persistence.db"


class MemorySettings(Section, frozen=True, kw_only=True, tag_field="type", tag="memory"):
    """Nothing on disk: for trials. What was flushed is gone with the process."""


BackendSettings = SqliteSettings | MemorySettings
BACKEND_TYPES: dict[str, type[BackendSettings]] = {"sqlite": SqliteSettings, "memory": MemorySettings}


class CollectionSettings(Section, frozen=True, kw_only=True):
    """Where a collection is kept, and what becomes of a record that its backend refuses."""

    backend: str = MAIN
    on_failure: Literal["dead_letter", "discard"] | None = None  # None: as in [buffer]


class LogSettings(Section, frozen=True, kw_only=True):
    """What is written about the service's own doings."""

    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    format: Literal["auto", "json", "console"] = "auto"  # auto: readable on a terminal, JSON elsewhere


class Settings(Section, frozen=True, kw_only=True):
    """The whole configuration, checked."""

    data_dir: str = "./data"
    server: ServerSettings = ServerSettings()
    journal: JournalSettings = JournalSettings()
    buffer: BufferSettings = BufferSettings()
    backends: dict[Name, BackendSettings] = msgspec.field(default_factory=lambda: {MAIN: SqliteSettings()})
    collections: dict[Name, CollectionSettings] = {}  # by the name of a declared collection
    log: LogSettings = LogSettings()

    @property
    def data_folder(self) -> Path:
        """The folder that everything durable is under, absolute."""
        return Path(self.data_dir).expanduser().absolute()

    @property
    def state_file(self) -> Path:
        """The database of what outlives the journal: dead letters, receipts, the revision ceiling."""
        return self.data_folder / "state.db"

    @property
    def journal_folder(self) -> Path:
        """Where the pending log is."""
        return self.data_folder / "journal"

    def in_data_folder(self, text: str) -> Path:
        """A path in which ``{data_dir}`` stands for the data folder."""
        return Path(text.replace("{data_dir}", str(self.data_folder))).expanduser().absolute()

    def collection(self, name: str) -> CollectionSettings:
        """The settings of a collection, the defaults where it has none."""
        return self.collections.get(name, CollectionSettings())

    def policy(self, collection: str) -> BufferPolicy:
        """The buffer policy of a collection."""
        chosen = self.collection(collection).on_failure
        return self.buffer if chosen is None else msgspec.structs.replace(self.buffer, on_failure=chosen)

    def shown(self) -> Tree:
        """Every effective setting as plain values, secrets masked."""
        collections = {collection.name: self.collection(collection.name) for collection in BUILT_IN}
        tree: Tree = msgspec.to_builtins(msgspec.structs.replace(self, collections=collections), enc_hook=repr)
        return tree


def load_settings(
    config: Path | None = None, *, environ: Mapping[str, str] = os.environ, flags: Tree | None = None
) -> Settings:
    """Read the file (``config``, else ``persistence.toml`` here, else none), then the environment, then the flags.

    Raises InvalidConfiguration naming the key, UnknownBackend.
    """
    tree, source = _read_file(config)
    tree.setdefault("backends", {MAIN: {"type": "sqlite"}})
    variables = {_path_of(name): value for name, value in environ.items() if name.startswith(PREFIX)}
    for path, value in variables.items():
        _put(tree, path, value)
    _merge(tree, flags or {})
    _check_types(tree["backends"])
    try:
        # Not strict: a variable of the environment is always text.
        settings = msgspec.convert(tree, Settings, strict=False, dec_hook=_decode_secret)
    except msgspec.ValidationError as error:
        raise InvalidConfiguration(_sentence(str(error), source, tree, variables)) from error
    _check(settings)
    return settings


def _read_file(config: Path | None) -> tuple[Tree, str]:
    path = config or Path(FILE_NAME)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), str(path)
    except FileNotFoundError:
        if config is None:
            return {}, "the built-in defaults"
        raise InvalidConfiguration(f"There is no configuration file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"{path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(f"{path} is not TOML: {error}.") from error


def _path_of(variable: str) -> tuple[str, ...]:
    return tuple(part.lower() for part in variable.removeprefix(PREFIX).split("__"))


def _put(tree: Tree, path: tuple[str, ...], value: str) -> None:
    for depth, part in enumerate(path[:-1], start=1):
        below: object = tree.setdefault(part, {})
        if not isinstance(below, dict):
            variable = PREFIX + "__".join(path).upper()
            raise InvalidConfiguration(f"{variable}: `{'.'.join(path[:depth])}` is a value, not a table.")
        tree = below
    tree[path[-1]] = value


def _merge(tree: Tree, flags: Tree) -> None:
    for key, value in flags.items():
        if isinstance(value, dict):
            _merge(tree.setdefault(key, {}), value)
        elif value is not None:
            tree[key] = value


def _decode_secret(kind: type, value: object) -> Secret:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError(f"Expected `str`, got `{type(value).__name__}`")


def _sentence(message: str, source: str, tree: Tree, variables: Mapping[tuple[str, ...], str]) -> str:
    """``Expected `int`, got `str` - at `$.server.port``` → ``server.port: expected ... (in persistence.toml)``."""
    fault, _, place = message.partition(" - at `")
    if place.startswith("key` in"):
        fault = "a name has small letters, digits and `_`, and begins with a letter"
    keys = [key for key in place.partition("$")[2].rstrip("`").replace("[...]", ".*").split(".") if key]
    if "*" in keys:
        keys[1] = _culprit(tree, keys[0])
    if "enum" in fault:
        fault += _known(keys)
    unknown = re.search(r"unknown field `(.+)`", fault) or re.search(r"missing required field `(.+)`", fault)
    if unknown:
        fault = f"there is no such setting{_known(keys)}" if "unknown" in fault else "is missing"
        keys.append(unknown[1])
    blamed = {path[: len(keys)] if unknown else path: path for path in variables}  # unknown may be a whole table
    variable = blamed.get(tuple(keys))
    where = PREFIX + "__".join(variable).upper() if variable else source
    return f"{'.'.join(keys) or 'The file'}: {fault[0].lower()}{fault[1:]} (in {where})."


def _culprit(tree: Tree, section: str) -> str:
    """Which of the named tables of a section is wrong: msgspec does not tell."""
    for name, table in tree[section].items():
        try:
            msgspec.convert({section: {name: table}}, Settings, strict=False, dec_hook=_decode_secret)
        except msgspec.ValidationError:
            return str(name)
    return "*"


def _known(keys: Sequence[str]) -> str:
    """What there is at a place: the settings of a table, or the values of a choice."""
    kind: object = msgspec.inspect.type_info(Settings)
    for key in keys:
        fields = {field.name: field.type for field in getattr(kind, "fields", ())}
        kind = fields.get(key) or getattr(kind, "value_type", None)
    words = [field.name for field in getattr(kind, "fields", ())]
    for part in getattr(kind, "types", (kind,)):
        words += getattr(part, "values", ())
    return f"; there are: {', '.join(words)}" if words else ""


def _check_types(backends: object) -> None:
    """Say which types there are; whatever else is wrong with the table is found by its type."""
    for name, backend in backends.items() if isinstance(backends, dict) else ():
        kind = backend.get("type") if isinstance(backend, dict) else None
        if isinstance(kind, str) and kind not in BACKEND_TYPES:
            known = ", ".join(BACKEND_TYPES)
            raise UnknownBackend(f"backends.{name}.type: {kind!r} is not installed here (there are: {known}).")


def _check(settings: Settings) -> None:
    declared = [collection.name for collection in BUILT_IN]
    for name in settings.collections:
        if name not in declared:
            raise InvalidConfiguration(f"collections.{name}: no such collection (there are: {', '.join(declared)}).")
    for name in declared:
        backend = settings.collection(name).backend
        if backend not in settings.backends:
            known = ", ".join(settings.backends) or "none"
            raise UnknownBackend(f"collections.{name}.backend: there is no [backends.{backend}] (there is: {known}).")
    if not _loopback(settings.server.host) and not settings.server.insecure:
        raise InvalidConfiguration(
            f"server.host: {settings.server.host} can be reached by others, and nobody has to authenticate yet; "
            "listen on 127.0.0.1, or say --insecure (insecure = true) if the network itself is protected."
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
