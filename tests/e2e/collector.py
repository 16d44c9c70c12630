"""A collector of traces on a free port: it speaks OTLP over HTTP, keeps what it gets, and can be ill."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import msgspec
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

SECONDS = 30.0  # for spans to arrive; they are sent every second


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A span as it arrived; ids are hex."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    begin: int  # nanoseconds since 1970
    end: int
    failed: bool
    attributes: Mapping[str, Any]
    links: tuple[tuple[str, str], ...]  # trace and span
    events: tuple[tuple[str, Mapping[str, Any]], ...]
    service: Mapping[str, Any]  # attributes of whom it comes from


class Collector:
    """``async with``: it listens; then ``status`` and ``hangs`` say how it answers."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.headers: list[Mapping[str, str]] = []
        self.status = 200
        self.hangs = False
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def endpoint(self) -> str:
        """For ``[tracing] endpoint``."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        _, self._port = self._runner.addresses[0][:2]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def named(self, name: str) -> list[Span]:
        """The spans of a name that have arrived."""
        return [span for span in self.spans if span.name == name]

    async def wait_for(self, *names: str, count: int = 1) -> list[Span]:
        """The first span of each name (``count`` of each must have arrived)."""
        async with asyncio.timeout(SECONDS):
            while any(len(self.named(name)) < count for name in names):  # noqa: ASYNC110  (of another process)
                await asyncio.sleep(0.05)
        return [self.named(name)[0] for name in names]

    async def _take(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        if self.hangs:
            await asyncio.sleep(3600)
        if self.status != 200:
            return web.Response(status=self.status)
        assert request.content_type == "application/x-protobuf"
        self.spans += _spans(ExportTraceServiceRequest.FromString(await request.read()))
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")


def _spans(request: Any) -> list[Span]:
    return [
        Span(
            name=span.name,
            kind=span.kind,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            state=span.trace_state,
            begin=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
            failed=span.status.code == 2,
            attributes=_attributes(span.attributes),
            links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
            events=tuple((event.name, _attributes(event.attributes)) for event in span.events),
            service=_attributes(group.resource.attributes),
        )
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
