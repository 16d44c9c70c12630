"""One process of the service, from its settings to its exit code."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from adapters.telemetry.logs import ForeignLogs
from domain.errors import PersistenceError
from domain.model.built_in import BUILT_IN
from domain.model.observations import ServiceStarted, ServiceStopped
from domain.model.schema_steps import SchemaStep
from entrypoints.assembly import build_admin_server
from entrypoints.backends import Backends, build_backend, naming
from entrypoints.container import Container
from entrypoints.http.server import HttpServer
from entrypoints.lifespan import opened, running
from entrypoints.settings import Settings
from entrypoints.stop import Stop
from ports.migrating import Migrating

OTHER_FILES = 1024  # beside connections: journals, databases, uploads


async def serve(settings: Settings, announce: Callable[[str, str | None], None], reread: Callable[[], Settings]) -> int:
    """Serve until a signal asks for the end; returns the exit code. Raises StartFailure.

    ``announce`` is told the URL once requests are answered, and that of operators if they have one; ``reread`` gives
    the configuration when it has changed.
    """
    allow_files(settings.server.max_connections + OTHER_FILES)
    container = Container(settings=settings)
    container.backends().reread = reread
    logging.getLogger().addHandler(ForeignLogs(container.logs()))
    stop, observer = container.stop(), container.observer()
    stop.listen()
    server, admin = container.server(), build_admin_server(settings, container.services())
    servers = [server] if admin is None else [server, admin]
    async with opened(*servers), running(container) as run:  # taken addresses are said before the disk is touched
        for each in servers:
            await each.listen()
        gc.collect()
        gc.freeze()  # what a start leaves behind is never garbage: no collection needs to walk it again
        reload_on_hangup(container.backends(), stop)
        try:
            admin_url = admin.url if admin else None
            announce(server.url, admin_url)
            observer(ServiceStarted(url=server.url, admin_url=admin_url, instance=container.buffer().instance))
            await stop.requested.wait()
            container.buffer().retire()
            if stop.patient:
                await stop.pause(settings.server.drain_delay_seconds)
        finally:
            await stop.unless_hurried(close_all(servers))
    observer(ServiceStopped(exit_code=int(run.ending), left_in_journal=run.left))
    return int(run.ending)


async def close_all(servers: Sequence[HttpServer]) -> None:
    """Close listeners side by side: requests on their way at either have the same time."""
    await asyncio.gather(*(server.close() for server in servers))


def allow_files(wanted: int) -> None:
    """Raise the number of files that this process may open, as far as the machine lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def migrate(
    settings: Settings, names: Iterable[str], *, look_only: bool = False
) -> dict[str, Sequence[SchemaStep]]:
    """Bring configured backends to this release's schema; their forward steps, as they were before, by backend.

    Backends without a schema are left out. Raises StartFailure, BackendError.
    """
    found: dict[str, Sequence[SchemaStep]] = {}
    for name in names:
        backend = build_backend(settings, name, BUILT_IN)
        if isinstance(backend, Migrating):
            with naming(name):
                found[name] = await backend.steps()
                if not look_only:
                    await backend.migrate()
    return found


def reload_on_hangup(backends: Backends, stop: Stop) -> None:
    """SIGHUP reads the configuration anew, as it does by custom; what is wrong with it stands in the log.

    The kernel sends it too when the terminal is closed that the service was started on: that is the end.
    """
    running: set[asyncio.Task[None]] = set()
    terminals = [stream for stream in (0, 1, 2) if os.isatty(stream)]

    async def reload() -> None:
        with suppress(PersistenceError):  # reported by the backends themselves
            await backends.reload()

    def hung_up() -> None:
        if terminals and not any(map(os.isatty, terminals)):
            return stop.signalled(signal.SIGHUP)
        task = asyncio.create_task(reload())
        running.add(task)
        task.add_done_callback(running.discard)
        return None

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up)
