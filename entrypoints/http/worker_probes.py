"""What a worker answers over HTTP, where its configuration lets it: that it lives, how it fares, what it counts."""

from __future__ import annotations

from aiohttp import web

from domain.model.access import Right
from domain.services.lane_states import measured
from domain.services.partition_worker import PartitionWorker
from domain.services.registry import StorageBackendRegistry
from entrypoints.http.answers import json_response
from entrypoints.http.app import guarded_app
from entrypoints.http.call import Call
from entrypoints.http.handlers.probes import live, metrics_page
from entrypoints.http.parameters import only
from entrypoints.http.route import Route
from entrypoints.http.services import Doorway, RenderMetrics


class Probes:
    """The application for ``HttpServer``, behind the door of the API: three addresses, none of which writes."""

    def __init__(
        self,
        worker: PartitionWorker,
        registry: StorageBackendRegistry,
        doorway: Doorway,
        render_metrics: RenderMetrics,
    ) -> None:
        self._worker = worker
        self._registry = registry
        self._doorway = doorway
        self._render_metrics = render_metrics

    def app(self) -> web.Application:
        """Made anew for each listener."""
        routes = (
            Route("GET", "/health/live", live, None, is_open=True),
            Route("GET", "/health", self.health, Right.ADMIN),
            Route("GET", "/metrics", self.metrics, None),
        )
        return guarded_app(self._doorway, routes)

    async def health(self, call: Call) -> web.Response:
        """How the collections fare whose partitions are held here, and which these are."""
        only(call.request)
        states = self._worker.states()
        well = not any(state.paused or state.last_error for state in states.values())
        held = self._worker.held
        return json_response({"status": "ok" if well else "degraded", "collections": states, "held": held})

    async def metrics(self, call: Call) -> web.Response:
        """The page that Prometheus reads."""
        only(call.request)
        for seen in measured(self._registry, self._worker.states()):
            self._doorway.observer(seen)
        return metrics_page(call.request, self._render_metrics)
