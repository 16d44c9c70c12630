"""The listener: aiohttp's server with every limit set on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from aiohttp import web

from domain.errors import AddressInUse, InvalidConfiguration
from domain.services.ending import ended
from entrypoints.http import lasting
from entrypoints.http.connections import Connections
from entrypoints.http.errors import protocol_problem
from entrypoints.http.listener import Listener
from entrypoints.http.tls import Certificate

KEEPALIVE_SECONDS = 75.0  # also cuts who connects and says nothing, or never ends a header
LINGER_SECONDS = 1.0  # how long an unread body is drained, so that its sender still gets the answer
MakeApp = Callable[[], web.Application]
MAX_CONNECTIONS = 4096
UNDELAYED_BYTES = 32 * 1024  # of an answer: below what a transport takes without a wait, so that no timer is needed
TLS_BUFFER_BYTES = 64 * 1024  # of each connection, idle or not: of asyncio's 256 KiB, 4096 connections fill a GiB
HEAD_BYTES = 64 * 1024  # of the lines before a body, together; of a head that never ends nothing more is kept
HANDSHAKE_SECONDS = 10.0  # for a client's side of the TLS handshake
GOODBYE_SECONDS = 2.0  # for its side of the end

_SILENT = logging.getLogger("entrypoints.http.protocol")  # broken requests are answered, not logged with tracebacks
_SILENT.setLevel(logging.CRITICAL + 1)
SSLProtocol.max_size = TLS_BUFFER_BYTES  # for the whole process: asyncio has no option for it


class HttpServer:
    """Listens on one address."""

    def __init__(
        self,
        app: MakeApp,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        keepalive_seconds: float = KEEPALIVE_SECONDS,
        finish_seconds: float = 5.0,
        section: str = "server",
        certificate: Certificate | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        """``app``: made anew at each opening; ``port`` 0: any free one.

        ``finish_seconds``: for requests on their way when the listener closes; ``section``: of the configuration;
        ``certificate``: None where nothing is encrypted.
        """
        self._app = app
        self._section = section
        self._host = host
        self._port = port
        self._keepalive = keepalive_seconds
        self._finish = finish_seconds
        self._certificate = certificate
        self._connections = Connections(max_connections)
        self._arrivals: set[asyncio.Task[Any]] = set()  # Any: a transport and its protocol
        self._encryption: dict[str, Any] = {}  # Any: options of asyncio
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None

    async def open(self) -> None:
        """Take the address; nobody is answered yet.

        Raises AddressInUse, InvalidConfiguration for an address that is not this machine's and for a certificate that
        cannot be used.
        """
        self._encryption = self._encrypted()
        self._runner = web.AppRunner(self._app(), shutdown_timeout=self._finish)
        await self._runner.setup()
        self._listener = Listener(self._connections, self._arrive)
        with _refusals(self._section, self._host, self._port):
            await self._listener.bind(self._host, self._port)

    async def listen(self) -> None:
        """Answer from here on. Raises as ``open``."""
        if self._listener is None:
            raise RuntimeError("the server is not open")
        with _refusals(self._section, self._host, self._port):
            self._listener.listen()
        if self._certificate is not None:
            self._certificate.watch()

    async def close(self) -> None:
        """Close the listener, end handshakes, finish the requests that are on their way, close the connections."""
        if self._listener is not None:
            self._listener.close()
        await ended(*self._arrivals)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._certificate is not None:
            await self._certificate.close()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        bound = self._listener.port if self._listener else None
        return self._port if bound is None else bound

    @property
    def url(self) -> str:
        """Where the service answers."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._certificate else 'http'}://{host}:{self.port}"

    def _encrypted(self) -> dict[str, Any]:  # Any: options of asyncio
        if self._certificate is None:
            return {}
        return {
            "ssl": self._certificate.load(),
            "ssl_handshake_timeout": HANDSHAKE_SECONDS,
            "ssl_shutdown_timeout": GOODBYE_SECONDS,
        }

    def _arrive(self, accepted: socket.socket) -> None:
        """Let a connection come, through its handshake where there is one; it counts from here on."""
        connection = self._connection()
        arrival = asyncio.create_task(
            asyncio.get_running_loop().connect_accepted_socket(lambda: connection, accepted, **self._encryption)
        )
        connection.arrival = arrival
        self._arrivals.add(arrival)
        self._connections.accepted(connection)
        if self._certificate is None:
            self._connections.opened(connection)
        arrival.add_done_callback(partial(self._arrived, accepted, connection))

    def _arrived(self, accepted: socket.socket, connection: _Connection, arrival: asyncio.Task[Any]) -> None:
        self._arrivals.discard(arrival)
        connection.arrival = None
        if not arrival.cancelled() and arrival.exception() is None:
            return
        if connection.transport is not None:  # it has the socket, and closes it when the selector has let go of it
            connection.transport.abort()
        else:  # also where it was ended before it began
            accepted.close()
            self._connections.closed(connection)

    def _connection(self) -> _Connection:
        assert self._runner is not None  # noqa: S101  # set up before the listener, taken down after it
        server = self._runner.server
        assert server is not None  # noqa: S101
        return _Connection(
            self._connections,
            server,
            loop=asyncio.get_running_loop(),
            access_log=_SILENT,
            logger=_SILENT,
            keepalive_timeout=self._keepalive,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )


class _Connection(web.RequestHandler):
    """A connection whose broken requests are answered like all others."""

    __slots__ = ("_connections", "_head_bytes", "arrival")

    def __init__(self, connections: Connections, *arguments: Any, **options: Any) -> None:  # Any: aiohttp's own
        super().__init__(*arguments, **options)
        self._connections = connections
        self._head_bytes = 0  # of a request whose head is not whole yet
        self.arrival: asyncio.Task[Any] | None = None  # until it can be talked to

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        return self._current_request is None

    def abort(self) -> None:
        """End it without a word."""
        if self.transport is not None:
            self.transport.abort()
        elif self.arrival is not None:
            self.arrival.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._connections.opened(self)

    def data_received(self, data: bytes) -> None:
        """A client has sent something."""
        self._connections.heard(self)
        super().data_received(data)
        awaits_head = self._waiter is not None and not self._waiter.done()
        self._head_bytes = self._head_bytes + len(data) if awaits_head else 0
        if self._head_bytes > HEAD_BYTES:  # the library bounds each line, and not all of them
            self.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is over."""
        self._connections.closed(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002  # aiohttp's signature
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """The answer to what is no request, or to a fault outside of every handler."""
        if request.writer.output_size > 0:
            raise ConnectionError("An answer has begun; there cannot be another.")
        return protocol_problem(status)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer, as long as its reader takes it.

        An odd ``Expect`` where the library routes nothing (``OPTIONS *``) never comes to the door: the library would
        name itself.
        """
        answer = protocol_problem(400) if isinstance(resp, web.HTTPExpectationFailed) else resp
        size = answer.content_length or 0
        if size <= UNDELAYED_BYTES and self.transport is not None and not self.transport.get_write_buffer_size():
            return await super().finish_response(request, answer, start_time)
        parts = 1 + size // lasting.SLICE_BYTES
        try:
            async with asyncio.timeout(parts * lasting.WRITE_SECONDS):
                return await super().finish_response(request, answer, start_time)
        except TimeoutError:  # nobody takes it
            self.abort()
            return answer, True


@contextlib.contextmanager
def _refusals(section: str, host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(f"Port {port} on {host} is taken by another process.") from error
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise InvalidConfiguration(
            f"{section}.host, {section}.port: cannot listen on {host}:{port}: {reason}."
        ) from error
    except UnicodeError as error:
        raise InvalidConfiguration(f"{section}.host: {host!r} is not the name of a host.") from error
