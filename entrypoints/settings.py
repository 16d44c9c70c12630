"""What an operator may decide: ``persistence.toml``, overlaid by the environment and the command line.

The only module that reads the environment. ``ops/example.toml`` documents every key.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from adapters.sqlite.backend_type import SQLITE, SqliteSettings
from domain.errors import InvalidConfiguration, UnknownBackend
from domain.model.built_in import BUILT_IN
from domain.model.dead_letters import LetterBounds
from domain.model.files import MAX_FILE_BYTES, TYPE_PATTERN, FileLimits
from domain.model.policies import BufferPolicy
from domain.model.secret import Secret
from entrypoints.backend_types import backend_type
from entrypoints.decoding import PREFIX, Sources, Tree, decode
from ports.backend_type import BackendSettings, BackendType

FILE_NAME = "persistence.toml"
MAIN = "main"  # the backend that a collection goes to when it names none

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


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


class WorkerSettings(Section, frozen=True, kw_only=True):
    """Where `persistence worker` answers for itself; its other settings are those of the instances."""

    host: str = "127.0.0.1"
    port: Port | None = None  # none: it does not listen; 0: any free one


class JournalSettings(Section, frozen=True, kw_only=True):
    """The pending log: on the local disk, or in a Redis that many instances and workers share."""

    type: Literal["local", "redis"] = "local"
    segment_bytes: Annotated[int, msgspec.Meta(ge=16 * 1024 * 1024, le=1024 * 1024 * 1024)] = 64 * 1024 * 1024
    url: Secret | None = None  # redis://host:6379/0, or rediss:// with TLS
    password: Secret | None = None  # where the URL has none
    partitions: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 4  # of each collection; each is drained by one worker
    lease_seconds: Annotated[float, msgspec.Meta(ge=0.3, le=300)] = 3.0  # a dead worker's partitions rest that long
    call_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 5.0  # for one call of Redis

    def __post_init__(self) -> None:
        """Refuse a shared log without a place."""
        if self.type == "redis" and self.url is None:
            raise ValueError('type "redis" needs a `url`, like redis://host:6379/0')


class BufferSettings(BufferPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds and triggers of the pending log, for every collection."""

    def __post_init__(self) -> None:
        """Refuse numbers that contradict each other."""
        if not 0 < self.batch_records_min <= self.batch_records <= self.batch_records_max:
            raise ValueError("batch_records_min <= batch_records <= batch_records_max must hold, above 0")
        if not 0 < self.lane_share <= 1:
            raise ValueError("lane_share must be above 0 and at most 1")
        if not 0 < self.soft_share <= 1:
            raise ValueError("soft_share must be above 0 and at most 1")
        if not 0 < self.soft_age_seconds <= self.hard_age_seconds:
            raise ValueError("soft_age_seconds must be above 0 and at most hard_age_seconds")
        if not 0 <= self.linger_seconds <= self.max_age_seconds:
            raise ValueError("linger_seconds must be between 0 and max_age_seconds")
        if not 0 <= self.fast_flush_seconds < self.slow_flush_seconds:
            raise ValueError("fast_flush_seconds must be below slow_flush_seconds")
        if min(self.max_bytes, self.batch_bytes) < 1024 * 1024 or self.read_deadline_seconds < 0:
            raise ValueError("max_bytes and batch_bytes must be at least 1 MiB, read_deadline_seconds not negative")


class DeadLetterSettings(LetterBounds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bound of the dead letters of all collections together."""

    def __post_init__(self) -> None:
        """Refuse a bound that nothing fits under."""
        if self.max_records < 1 or self.max_bytes < 1024 * 1024:
            raise ValueError("max_records must be at least 1, and max_bytes at least 1 MiB")


class ConfiguredBackend(msgspec.Struct, frozen=True):
    """One ``[backends.NAME]`` table: a type by name, and the settings of that type."""

    type_name: str
    type: BackendType[Any]  # Any: the settings are the type's own
    settings: BackendSettings

    def shown(self) -> Tree:
        """The table with every effective setting, secrets masked."""
        return self.table(repr)

    def table(self, secret: Callable[[Secret], str]) -> Tree:
        """The same; ``secret``: how one is written."""
        return {"type": self.type_name, **msgspec.to_builtins(self.settings, enc_hook=secret)}


class _Typed(msgspec.Struct):
    """The one key that every ``[backends.NAME]`` has; what else there may be, the type says."""

    type: str


def _embedded_default() -> dict[str, ConfiguredBackend]:
    return {MAIN: ConfiguredBackend("sqlite", SQLITE, SqliteSettings())}


class CollectionSettings(Section, frozen=True, kw_only=True):
    """Where a collection is kept, and what becomes of a record that its backend refuses."""

    backend: str = MAIN
    on_failure: Literal["dead_letter", "discard"] | None = None  # None: as in [buffer]


class ObjectSettings(Section, frozen=True, kw_only=True):
    """Where the content of files is kept, and which files are taken."""

    type: Literal["local", "s3", "off"] = "local"  # s3: MinIO, and whatever else speaks like it
    path: str = "{data_dir}/objects"  # of type local
    endpoint: str = ""  # of type s3: a host, or host:port
    bucket: str = ""  # must exist, and be for this service alone
    access_key: Secret | None = None
    secret_key: Secret | None = None
    region: str = "us-east-1"
    tls: bool = True
    connect_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=300)] = 5.0
    read_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 30.0  # for each answer, or part of one
    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=MAX_FILE_BYTES)] = 5 * 1024**3  # of one file
    types: list[Annotated[str, msgspec.Meta(pattern=TYPE_PATTERN)]] = []  # none named: files of any type are taken
    parallel_uploads: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 16

    def __post_init__(self) -> None:
        """Refuse a bucket that is not described."""
        if self.type == "s3" and not (self.endpoint and self.bucket and self.access_key and self.secret_key):
            raise ValueError('type "s3" needs `endpoint`, `bucket`, `access_key` and `secret_key`')

    @property
    def limits(self) -> FileLimits:
        """Which files are taken."""
        return FileLimits(max_bytes=self.max_bytes, types=tuple(self.types))


class LogSettings(Section, frozen=True, kw_only=True):
    """What is written about the service's own doings."""

    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    format: Literal["auto", "json", "console"] = "auto"  # auto: readable on a terminal, JSON elsewhere


class Settings(Section, frozen=True, kw_only=True):
    """The whole configuration, checked."""

    data_dir: str = "./data"
    server: ServerSettings = ServerSettings()
    worker: WorkerSettings = WorkerSettings()
    journal: JournalSettings = JournalSettings()
    buffer: BufferSettings = BufferSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    backends: dict[Name, ConfiguredBackend] = msgspec.field(default_factory=_embedded_default)
    collections: dict[Name, CollectionSettings] = {}  # by the name of a declared collection
    objects: ObjectSettings = ObjectSettings()
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
    def shared_partitions(self) -> int:
        """Partitions of a pending log that many instances share; 0 where each has its own."""
        return self.journal.partitions if self.journal.type == "redis" else 0

    @property
    def files_are_off(self) -> bool:
        """Whether no content is kept: by choice, or since a local disk is not what instances share."""
        return self.objects.type == "off" or (self.objects.type == "local" and bool(self.shared_partitions))

    @property
    def objects_folder(self) -> Path:
        """Where the content of files is, if it is on the local disk; relative to the data folder."""
        return self.data_folder / self.objects.path.replace("{data_dir}", str(self.data_folder))

    @property
    def journal_folder(self) -> Path:
        """Where the pending log is."""
        return self.data_folder / "journal"

    def collection(self, name: str) -> CollectionSettings:
        """The settings of a collection, the defaults where it has none."""
        return self.collections.get(name, CollectionSettings())

    def backend_of(self, collection: str) -> ConfiguredBackend:
        """The backend that a collection is kept in."""
        return self.backends[self.collection(collection).backend]

    def policy(self, collection: str) -> BufferPolicy:
        """The buffer policy of a collection."""
        chosen = self.collection(collection).on_failure
        return self.buffer if chosen is None else msgspec.structs.replace(self.buffer, on_failure=chosen)

    def rerouted(self, other: Settings) -> Settings:
        """These settings, with the backends and routes of others."""
        collections = {
            collection.name: msgspec.structs.replace(
                self.collection(collection.name), backend=other.collection(collection.name).backend
            )
            for collection in BUILT_IN
        }
        return msgspec.structs.replace(self, backends=other.backends, collections=collections)

    def routed(self, collection: str, backend: str) -> Settings:
        """These settings, with a collection in another backend. Raises InvalidConfiguration where there is none."""
        if backend not in self.backends:
            known = ", ".join(self.backends)
            raise InvalidConfiguration(f"There is no [backends.{backend[:80]}]; configured are: {known}.")
        chosen = msgspec.structs.replace(self.collection(collection), backend=backend)
        return msgspec.structs.replace(self, collections={**self.collections, collection: chosen})

    def shown(self) -> Tree:
        """Every effective setting as plain values, secrets masked."""
        return self._tree(repr)

    def packed(self) -> bytes:
        """Everything for another process of this release, secrets in the clear; ``unpacked`` reads it."""
        return msgspec.msgpack.encode(self._tree(Secret.reveal))

    def _tree(self, secret: Callable[[Secret], str]) -> Tree:
        collections = {collection.name: self.collection(collection.name) for collection in BUILT_IN}
        plain = msgspec.structs.replace(self, backends={}, collections=collections)
        backends = {name: backend.table(secret) for name, backend in self.backends.items()}
        return {**msgspec.to_builtins(plain, enc_hook=secret), "backends": backends}


def load_settings(
    config: Path | None = None, *, environ: Mapping[str, str] = os.environ, flags: Tree | None = None
) -> Settings:
    """Read the file (``config``, else ``persistence.toml`` here, else none), then the environment, then the flags.

    Raises InvalidConfiguration naming the key, UnknownBackend.
    """
    tree, file = _read_file(config)
    tree.setdefault("backends", {MAIN: {"type": "sqlite"}})
    variables = {_path_of(name): value for name, value in environ.items() if name.startswith(PREFIX)}
    for path, value in variables.items():
        _put(tree, path, value)
    _merge(tree, flags or {})
    return _settings(tree, Sources(file, variables))


def unpacked(content: bytes) -> Settings:
    """The settings that another process has ``packed``. Raises InvalidConfiguration, UnknownBackend."""
    return _settings(msgspec.msgpack.decode(content), Sources("the service", {}))


def environment_of_workers() -> dict[str, str]:
    """The environment without settings: a worker is told what is in effect, and has no secrets lying around."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def _settings(tree: Tree, sources: Sources) -> Settings:
    tables = decode(tree["backends"], dict[Name, Tree], sources, under=("backends",))
    backends = {name: _backend(name, table, sources) for name, table in tables.items()}
    settings = decode({**tree, "backends": backends}, Settings, sources)
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
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidConfiguration(f"{path} cannot be read: {reason}.") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(f"{path} is not TOML: {error}.") from error


def _path_of(variable: str) -> tuple[str, ...]:
    path = tuple(part.lower() for part in variable.removeprefix(PREFIX).split("__"))
    if not all(path):
        raise InvalidConfiguration(f"{variable}: this names no setting; one is called like {PREFIX}SERVER__PORT.")
    return path


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
            if isinstance(below := tree.setdefault(key, {}), dict):  # else the types will judge it
                _merge(below, value)
        elif value is not None:
            tree[key] = value


def _backend(name: str, table: Tree, sources: Sources) -> ConfiguredBackend:
    place = ("backends", name)
    named = decode(table, _Typed, sources, under=place)
    found = backend_type(named.type, f"backends.{name}.type")
    own = {key: value for key, value in table.items() if key != "type"}
    return ConfiguredBackend(named.type, found, decode(own, found.settings, sources, under=place))


def _check(settings: Settings) -> None:
    if not settings.data_dir or "\0" in settings.data_dir:
        raise InvalidConfiguration(f"data_dir: {settings.data_dir!r} is not the name of a folder.")
    declared = [collection.name for collection in BUILT_IN]
    for name in settings.collections:
        if name not in declared:
            raise InvalidConfiguration(f"collections.{name}: no such collection (there are: {', '.join(declared)}).")
    for name in declared:
        backend = settings.collection(name).backend
        if backend not in settings.backends:
            known = ", ".join(settings.backends) or "none"
            raise UnknownBackend(f"collections.{name}.backend: there is no [backends.{backend}] (there is: {known}).")
        if settings.shared_partitions and settings.backends[backend].type.drain == "inline":
            raise InvalidConfiguration(
                f"collections.{name}.backend: {backend} is of type {settings.backends[backend].type_name}, which one "
                'process keeps for itself; what many instances share by journal.type = "redis" needs a database server.'
            )
    for section, host in (("server", settings.server.host), ("worker", settings.worker.host)):
        if not _loopback(host) and not settings.server.insecure:
            raise InvalidConfiguration(
                f"{section}.host: {host} can be reached by others, and nobody has to authenticate yet; listen on "
                "127.0.0.1, or say --insecure (server.insecure = true) if the network itself is protected."
            )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
