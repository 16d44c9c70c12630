"""``persistence check``: would the service start here, and on what? Nothing is changed by looking."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import IO, Protocol

import click
import msgspec

from domain.errors import (
    BackendError,
    BackendUnavailable,
    DataFolderUnusable,
    DecryptionFailed,
    QueryTimeout,
    StartFailure,
)
from domain.model.records import HealthStatus
from entrypoints.cli.asking import json_option, print_json
from entrypoints.cli.failures import Exit
from entrypoints.cli.options import config_option, data_dir_option
from entrypoints.cli.progress import waiting
from entrypoints.cli.saying import counted
from entrypoints.cli.tables import print_table
from entrypoints.settings import Settings, load_settings
from ports.resource import Resource

_SYNCS = 11
_MIB = 1024 * 1024


class Verdict(StrEnum):
    """What a finding means for ``persistence serve``."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"  # it would not start


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    detail: str


@click.command()
@config_option
@data_dir_option
@json_option
def check(config: Path | None, data_dir: str | None, as_json: bool) -> int:
    """Say whether the service would start here: configuration, data folder, disk, addresses, callers, issuers,
    keyring, backends, object store, search index, cache, traces.

    \b
    Example: persistence check && persistence serve
    Exit:    0 it would start, 78 it would not
    """
    with waiting("Looking at the configuration, the disk and the backends"):
        found = findings(config, data_dir)
    if as_json:
        print_json(msgspec.json.encode(found))
    else:
        rows = [(each.what, each.verdict, each.detail) for each in found]
        print_table(("checked", "verdict", "finding"), rows, texts=("finding",), whole=True)
    return Exit.CONFIGURATION if any(each.verdict is Verdict.FAILURE for each in found) else Exit.OK


def findings(config: Path | None, data_dir: str | None) -> list[Finding]:
    """Everything that can be judged; a wrong configuration leaves nothing else to judge."""
    try:
        settings = load_settings(config, flags={"data_dir": data_dir})
    except StartFailure as error:
        return [Finding("configuration", Verdict.FAILURE, f"{error.detail} {error.cure}")]
    found = [Finding("configuration", Verdict.OK, "sound")]
    for what, look in _looks(settings):
        try:
            found.append(Finding(what, *look()))
        except (StartFailure, BackendError) as error:
            found.append(Finding(what, Verdict.FAILURE, error.detail))
        except OSError as error:
            found.append(Finding(what, Verdict.FAILURE, f"{error.filename or what}: {error.strerror or error}."))
    return found


def _looks(settings: Settings) -> Iterator[tuple[str, Callable[[], tuple[Verdict, str]]]]:
    yield "data folder", lambda: _folder(settings.data_folder)
    yield "disk space", lambda: _space(settings)
    yield "disk sync", lambda: _sync(settings.data_folder)
    yield "address", lambda: _address(settings.server.host, settings.server.port)
    if settings.admin.port is not None:
        yield "admin address", lambda: _address(settings.admin.host, settings.admin.port or 0)
    if settings.server.tls_certificate:
        yield "certificate", lambda: _certificate(settings)
    yield "callers", lambda: _callers(settings)
    if settings.auth.issuers:
        yield "issuers", lambda: _issuers(settings)
    if settings.keyring.is_there:
        yield "keyring", lambda: _keyring(settings)
    for name in settings.backends:
        yield f"backend {name}", functools.partial(_backend, settings, name)
    yield "object store", lambda: _objects(settings)
    yield "search index", lambda: _search(settings)
    yield "cache", lambda: _cache(settings)
    yield "traces", lambda: _traces(settings)


def _keyring(settings: Settings) -> tuple[Verdict, str]:
    from entrypoints.encryption import look, read_keys

    keys = read_keys(settings)
    assert keys is not None  # noqa: S101  # they are configured
    fields = [f"{name}.{field}" for name, names in settings.encrypted.items() for field in names]
    found = f"{counted(len(keys.keys), 'key')}; encrypted: {', '.join(fields) or 'no field'}"
    try:
        asyncio.run(look(settings, keys))
    except DecryptionFailed as error:
        return Verdict.WARNING, f"{found}; of what is stored, a value cannot be read: {error.detail}"
    except (BackendError, QueryTimeout) as error:
        return Verdict.OK, f"{found}; whether they fit what is stored is not known: {error.detail}"
    return Verdict.OK, found


def _folder(folder: Path) -> tuple[Verdict, str]:
    if (folder / "lock").exists():
        from adapters.system.data_folder import DataFolder

        held = DataFolder(folder)
        asyncio.run(held.open())
        asyncio.run(held.close())
    with _probe(folder) as probe:
        probe.write(b"probe")
    return Verdict.OK, str(folder) if folder.exists() else f"{folder} will be made"


def _space(settings: Settings) -> tuple[Verdict, str]:
    """The journal may fill up to its bound, and the backend needs as much again before the journal shrinks."""
    free = shutil.disk_usage(_existing(settings.data_folder)).free
    needed = 2 * settings.buffer.max_bytes + 2 * settings.journal.segment_bytes
    verdict = Verdict.OK if free >= needed else Verdict.WARNING
    return verdict, f"{free // _MIB:,} MiB free; a full buffer may take {needed // _MIB:,} MiB"


def _sync(folder: Path) -> tuple[Verdict, str]:
    """What an acknowledgement costs on this disk."""
    seconds = []
    with _probe(folder) as probe:
        for _ in range(_SYNCS):
            begun = time.perf_counter()
            probe.write(b"x" * 4096)
            os.fsync(probe.fileno())
            seconds.append(time.perf_counter() - begun)
    return Verdict.OK, f"{1000 * statistics.median(seconds):.2f} ms for each acknowledged batch (median of {_SYNCS})"


def _address(host: str, port: int) -> tuple[Verdict, str]:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return Verdict.FAILURE, f"{host}:{port} cannot be listened on: {error.strerror or error}."
    return Verdict.OK, f"{host}:{port} is free" if port else f"{host}, any free port"


def _callers(settings: Settings) -> tuple[Verdict, str]:
    from entrypoints.cli import callers

    outlook = callers.look(settings)
    return Verdict.WARNING if outlook.warning else Verdict.OK, outlook.detail


def _issuers(settings: Settings) -> tuple[Verdict, str]:
    from entrypoints.cli import callers

    outlook = callers.look_at_issuers(settings)
    return Verdict.WARNING if outlook.warning else Verdict.OK, outlook.detail


def _certificate(settings: Settings) -> tuple[Verdict, str]:
    from adapters.system.clock import SystemClock
    from entrypoints.http.tls import certificate_of
    from entrypoints.http.validity import trouble_of

    certificate = certificate_of(settings.server, lambda _: None)
    assert certificate is not None  # noqa: S101  # it is configured
    context, file = certificate.load(), Path(settings.server.tls_certificate).expanduser()
    if trouble := trouble_of(context, file, SystemClock().now()):
        return Verdict.WARNING, f"{file}: {trouble}; a renewed one is taken while the service runs"
    return Verdict.OK, f"TLS {settings.server.tls_minimum} or newer with {certificate.names}"


def _backend(settings: Settings, name: str) -> tuple[Verdict, str]:
    from domain.model.built_in import BUILT_IN
    from entrypoints.backends import build_backend
    from ports.probing import Probing

    backend = build_backend(settings, name, BUILT_IN)
    if not isinstance(backend, Probing):
        return Verdict.OK, f"{settings.backends[name].type_name}, which shows itself only when it is opened"
    try:
        outlook = asyncio.run(backend.probe())
    except BackendUnavailable as error:
        return Verdict.WARNING, f"{error.detail} Until it answers, records wait in the journal."
    return Verdict.WARNING if outlook.warning else Verdict.OK, outlook.detail


def _objects(settings: Settings) -> tuple[Verdict, str]:
    from entrypoints.filing import build_objects

    if settings.files_are_off:
        if settings.objects.type == "off":
            return Verdict.OK, "off: no files are kept"
        return Verdict.WARNING, 'no files are kept: instances share a buffer, and no disk; set objects.type = "s3"'
    if settings.objects.type == "local":
        return _folder(settings.objects_folder)
    store = build_objects(settings)
    return asyncio.run(_health(store)) if store else (Verdict.OK, "off")


def _search(settings: Settings) -> tuple[Verdict, str]:
    from entrypoints.searching import build_index

    if settings.search.type == "off":
        return Verdict.OK, "off: texts are not searched"
    if settings.search.type == "sqlite":
        verdict, _ = _folder(settings.search_file.parent)
        return verdict, str(
            settings.search_file
        ) if settings.search_file.exists() else f"{settings.search_file} will be made"
    index = build_index(settings)
    return asyncio.run(_health(index)) if index else (Verdict.OK, "off")


def _cache(settings: Settings) -> tuple[Verdict, str]:
    from entrypoints.caching import build_shared_cache

    records = "single records in this process" if settings.cache.record_seconds else "no single records"
    cache = build_shared_cache(settings.cache)
    if cache is None:
        return Verdict.OK, f"{records}; lists are not cached without `cache.url`"
    verdict, detail = asyncio.run(_health(cache))
    return verdict, f"{records}; lists: {detail}"


def _traces(settings: Settings) -> tuple[Verdict, str]:
    from adapters.system.clock import SystemClock
    from entrypoints.assembly import build_tracing

    verdict, detail = asyncio.run(_health(build_tracing(settings, lambda _: None, SystemClock())))
    return verdict, detail if verdict is Verdict.OK else f"{settings.tracing.url}: {detail}"


class _Openable(Resource, Protocol):
    async def health_check(self) -> HealthStatus: ...


async def _health(store: _Openable) -> tuple[Verdict, str]:
    """One that does not answer yet is no failure: the service starts, and finds it later."""
    try:
        await store.open()
        status = await store.health_check()
    except BackendError as error:
        return Verdict.WARNING, error.detail
    finally:
        await store.close()
    return Verdict.OK if status.healthy else Verdict.WARNING, status.detail


@contextlib.contextmanager
def _probe(folder: Path) -> Iterator[IO[bytes]]:
    """A file without a name where the folder is, or will be. Raises DataFolderUnusable."""
    existing = _existing(folder)
    try:
        with tempfile.TemporaryFile(dir=existing, buffering=0) as file:
            yield file
    except OSError as error:
        raise DataFolderUnusable(f"{existing} cannot be written: {error.strerror or error}.") from error


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
