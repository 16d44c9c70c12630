"""What an operator may decide: ``persistence.toml``, overlaid by the environment and the command line.

The only module that reads the environment. ``ops/example.toml`` documents every key.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import msgspec

from adapters.sqlite.backend_type import SQLITE, SqliteSettings
from domain.errors import InvalidConfiguration
from domain.model.built_in import BUILT_IN
from domain.model.collections import Collection
from domain.model.policies import BufferPolicy
from domain.model.secret import Secret
from entrypoints.backend_types import backend_type
from entrypoints.decoding import PREFIX, Sources, Tree, decode
from entrypoints.secret_rules import check_secrets
from entrypoints.sections import (
    MAIN,
    AdminSettings,
    AuthSettings,
    BufferSettings,
    CacheSettings,
    CollectionSettings,
    ConfiguredBackend,
    DeadLetterSettings,
    JournalSettings,
    KeyringSettings,
    LogSettings,
    Name,
    ObjectSettings,
    QuotaSettings,
    SearchSettings,
    Section,
    ServerSettings,
    TracingSettings,
    WorkerSettings,
)
from entrypoints.setting_rules import check

FILE_NAME = "persistence.toml"
KEY_VARIABLE = "PERSISTENCE_API_KEY"  # of the commands that ask a running service


class _Typed(msgspec.Struct):
    """The one key that every ``[backends.NAME]`` has; what else there may be, the type says."""

    type: str


def _embedded_default() -> dict[str, ConfiguredBackend]:
    return {MAIN: ConfiguredBackend("sqlite", SQLITE, SqliteSettings())}


class Settings(Section, frozen=True, kw_only=True):
    """The whole configuration, checked."""

    data_dir: str = "./data"
    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    admin: AdminSettings = AdminSettings()
    worker: WorkerSettings = WorkerSettings()
    journal: JournalSettings = JournalSettings()
    buffer: BufferSettings = BufferSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    backends: dict[Name, ConfiguredBackend] = msgspec.field(default_factory=_embedded_default)
    collections: dict[Name, CollectionSettings] = msgspec.field(
        default_factory=dict
    )  # by the name of a declared collection
    objects: ObjectSettings = ObjectSettings()
    cache: CacheSettings = CacheSettings()
    quotas: QuotaSettings = QuotaSettings()
    search: SearchSettings = SearchSettings()
    log: LogSettings = LogSettings()
    keyring: KeyringSettings = KeyringSettings()
    tracing: TracingSettings = TracingSettings()

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
    def search_file(self) -> Path:
        """Where words are indexed, if that is a file; relative to the data folder."""
        return self.data_folder / self.search.path.replace("{data_dir}", str(self.data_folder))

    @property
    def indexed(self) -> tuple[Collection, ...]:
        """The collections whose words are found."""
        return () if self.search.type == "off" else tuple(each for each in BUILT_IN if each.searchable)

    @property
    def encrypted(self) -> dict[str, tuple[str, ...]]:
        """The encrypted fields, by collection."""
        chosen = {each.name: tuple(self.collection(each.name).encrypted) for each in BUILT_IN}
        return {name: fields for name, fields in chosen.items() if fields}

    @property
    def retention(self) -> dict[str, timedelta]:
        """For how long records are kept, by collection; all are kept of the others."""
        chosen = {each.name: (each.keep_days, self.collection(each.name).retention_days) for each in BUILT_IN}
        days = {name: own if own is not None else declared for name, (declared, own) in chosen.items()}
        return {name: timedelta(days=number) for name, number in days.items() if number}

    @property
    def sample_ratio(self) -> float:
        """Of the requests whose caller has not decided whether they are traced."""
        return self.tracing.sample_ratio if self.tracing.endpoint else 0.0

    @property
    def journal_folder(self) -> Path:
        """Where the pending log is."""
        return self.data_folder / "journal"

    def collection(self, name: str) -> CollectionSettings:
        """The settings of a collection, the defaults where it has none; its backend is always named."""
        chosen = self.collections.get(name, CollectionSettings())
        return chosen if chosen.backend else msgspec.structs.replace(chosen, backend=self._default_backend)

    @property
    def _default_backend(self) -> str:
        """Where collections are kept that name no backend."""
        return MAIN if MAIN in self.backends else next(iter(self.backends), MAIN)

    @property
    def keys_backend(self) -> str:
        """Where API keys are kept."""
        return self.auth.backend or self._default_backend

    @property
    def keys_are_in_memory(self) -> bool:
        """Whether no command reaches them, and a first one cannot be made."""
        return self.keys_backend in self.backends and self.backends[self.keys_backend].type_name == "memory"

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
        return self.tree(repr)

    def packed(self) -> bytes:
        """What another process of this release drains by, passwords in the clear; ``unpacked`` reads it.

        It needs no keys: what it drains was encrypted before.
        """
        chosen = {name: msgspec.structs.replace(each, encrypted=[]) for name, each in self.collections.items()}
        keyless = msgspec.structs.replace(self, keyring=KeyringSettings(), collections=chosen)
        return msgspec.msgpack.encode(keyless.tree(Secret.reveal))

    def tree(self, secret: Callable[[Secret], str]) -> Tree:
        """Every effective setting as plain values; ``secret``: how one is written."""
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
    settings = _settings(tree, Sources(file, variables))
    check_secrets(settings, config or Path(FILE_NAME))
    return settings


def unpacked(content: bytes) -> Settings:
    """The settings that another process has ``packed``. Raises InvalidConfiguration, UnknownBackend."""
    return _settings(msgspec.msgpack.decode(content), Sources("the service", {}))


def environment_of_workers() -> dict[str, str]:
    """The environment without settings: a worker is told what is in effect, and has no secrets lying around."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX) and name != KEY_VARIABLE}


def key_of_environment(environ: Mapping[str, str] = os.environ) -> Secret | None:
    """The API key with which commands ask a running service."""
    text = environ.get(KEY_VARIABLE, "").strip()
    return Secret(text) if text else None


def _settings(tree: Tree, sources: Sources) -> Settings:
    tables = decode(tree["backends"], dict[Name, Tree], sources, under=("backends",))
    backends = {name: _backend(name, table, sources) for name, table in tables.items()}
    settings = decode({**tree, "backends": backends}, Settings, sources)
    check(settings)
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
