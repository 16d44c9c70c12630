"""What a worker answers over HTTP, where its configuration lets it: that it lives, how it fares, what it counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from domain.errors import PersistenceError
from domain.services.access import Access
from domain.services.lane_states import measured
from domain.services.partition_worker import PartitionWorker
from domain.services.registry import StorageBackendRegistry
from entrypoints.http.answers import SAFETY
from entrypoints.http.door import who_asks
from entrypoints.http.errors import stranger_problem
from entrypoints.http.handlers.probes import metrics_page
from entrypoints.http.services import RenderMetrics
from ports.ambient import Observer

_OPEN = "/health/live"


class Probes:
    """The application for ``HttpServer``: three addresses, no bodies, nothing that could be written."""

    def __init__(
        self,
        worker: PartitionWorker,
        registry: StorageBackendRegistry,
        observer: Observer,
        render_metrics: RenderMetrics,
        access: Access,
    ) -> None:
        """``access``: who may ask for more than whether it lives."""
        self._worker = worker
        self._registry = registry
        self._observer = observer
        self._render_metrics = render_metrics
        self._access = access

    def app(self) -> web.Application:
        """Made anew for each listener."""

        @web.middleware
        async def door(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            if request.path != _OPEN:
                try:
                    await who_asks(request, self._access)
                except PersistenceError as error:
                    return stranger_problem(error)
            return await handler(request)

        app = web.Application(middlewares=[door])
        app.on_response_prepare.append(_kept_safe)
        app.router.add_get(_OPEN, self.live)
        app.router.add_get("/health", self.health)
        app.router.add_get("/metrics", self.metrics)
        return app

    async def live(self, _: web.Request) -> web.Response:
        """The process runs."""
        return _document({"status": "live"})

    async def health(self, _: web.Request) -> web.Response:
        """How the collections fare whose partitions are held here, and which these are."""
        states = self._worker.states()
        well = not any(state.paused or state.last_error for state in states.values())
        return _document({"status": "ok" if well else "degraded", "collections": states, "held": self._worker.held})

    async def metrics(self, request: web.Request) -> web.Response:
        """The page that Prometheus reads."""
        for seen in measured(self._registry, self._worker.states()):
            self._observer(seen)
        return metrics_page(request, self._render_metrics)


async def _kept_safe(_: web.Request, response: web.StreamResponse) -> None:
    """What every answer says, those of the library too, which would name itself."""
    response.headers.update(SAFETY)


def _document(content: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), content_type="application/json")
