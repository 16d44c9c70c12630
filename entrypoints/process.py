"""One process of the service, from its settings to its exit code."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable

from adapters.telemetry.logs import ForeignLogs
from domain.model.observations import ServiceStarted, ServiceStopped
from entrypoints.container import Container
from entrypoints.lifespan import opened, running
from entrypoints.settings import Settings


async def serve(settings: Settings, announce: Callable[[str], None]) -> int:
    """Serve until a signal asks for the end; returns the exit code. Raises StartFailure.

    ``announce`` is told the URL once requests are answered.
    """
    container = Container(settings=settings)
    logging.getLogger().addHandler(ForeignLogs(container.logs()))
    stop, observer = container.stop(), container.observer()
    stop.listen()
    async with running(container) as run:
        server = container.server()
        await server.open()
        gc.collect()
        gc.freeze()  # what a start leaves behind is never garbage: no collection needs to walk it again
        try:
            announce(server.url)
            observer(ServiceStarted(url=server.url, instance=container.buffer().instance))
            await stop.requested.wait()
            container.buffer().retire()
            if stop.patient:
                await stop.pause(settings.server.drain_delay_seconds)
        finally:
            await stop.unless_hurried(server.close())
    observer(ServiceStopped(exit_code=int(run.ending), left_in_journal=run.left))
    return int(run.ending)


async def migrate(settings: Settings) -> list[str]:
    """Bring every backend to this release's schema, which opening one does; returns their names.

    Raises StartFailure, BackendError.
    """
    container = Container(settings=settings)
    async with opened(container.data_folder(), container.state(), *container.backends().values()):
        return list(container.backends())
