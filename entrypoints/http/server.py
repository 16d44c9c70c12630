"""The listener: aiohttp's server with every limit set on purpose."""

from __future__ import annotations

import errno
import logging

from aiohttp import web

from domain.errors import AddressInUse, InvalidConfiguration
from entrypoints.http.app import create_app
from entrypoints.http.services import Services

KEEPALIVE_SECONDS = 75.0  # also cuts who connects and says nothing, or never ends a header
LINGER_SECONDS = 1.0  # how long an unread body is drained, so that its sender still gets the answer
BACKLOG = 1024

_SILENT = logging.getLogger("entrypoints.http.protocol")  # broken requests are answered, not logged with tracebacks
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class HttpServer:
    """Listens on one address."""

    def __init__(
        self,
        services: Services,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        keepalive_seconds: float = KEEPALIVE_SECONDS,
        finish_seconds: float = 5.0,
    ) -> None:
        """``port`` 0: any free one; ``finish_seconds``: for requests on their way when the listener closes."""
        self._services = services
        self._host = host
        self._port = port
        self._keepalive = keepalive_seconds
        self._finish = finish_seconds
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Listen. Raises AddressInUse, InvalidConfiguration for an address that is not this machine's."""
        runner = web.AppRunner(
            create_app(self._services),
            access_log=None,
            logger=_SILENT,
            keepalive_timeout=self._keepalive,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
            shutdown_timeout=self._finish,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port, backlog=BACKLOG).start()
        except OSError as error:
            await runner.cleanup()
            raise _refused(error, self._host, self._port) from error
        self._runner = runner

    async def close(self) -> None:
        """Close the listener, finish the requests that are on their way, close the connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        addresses = self._runner.addresses if self._runner else []
        return int(addresses[0][1]) if addresses else self._port

    @property
    def url(self) -> str:
        """Where the service answers."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"


def _refused(error: OSError, host: str, port: int) -> AddressInUse | InvalidConfiguration:
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(f"Port {port} on {host} is taken; choose another with --port, or stop who listens there.")
    return InvalidConfiguration(f"server.host, server.port: cannot listen on {host}:{port}: {error.strerror}.")
