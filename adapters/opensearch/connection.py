"""The way to an OpenSearch: every call has a deadline, and fails in the words of the ports."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncGenerator, Container, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from opensearchpy import AsyncOpenSearch, JSONSerializer
from opensearchpy.exceptions import SerializationError, TransportError

from adapters.opensearch.errors import RETRY_SECONDS, meaning
from adapters.opensearch.settings import OpenSearchSettings
from adapters.trust import trusting
from domain.errors import BackendUnavailable, InvalidConfiguration, SchemaMismatch
from domain.model.tracing import CURRENT

OLDEST = (2, 15)  # whose wildcard fields look for parts of texts
_CONNECTIONS = 16
_PIECE_BYTES = 512 * 1024
_LINES = "application/x-ndjson"
_PORTS = {"http": 80, "https": 443}

# What goes wrong is told by who called; the driver would tell it once more on standard error.
logging.getLogger("opensearch").propagate = False
logging.getLogger("opensearch").addHandler(logging.NullHandler())


class _Encoded(JSONSerializer):
    """Sends bodies as they are."""

    def dumps(self, data: Any) -> Any:
        """The same. Any: as the driver declares it."""
        return data


class _Pieces:
    """A large body, as often as it is sent: the driver's driver sends no large bytes without complaint."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        for begin in range(0, len(self._content), _PIECE_BYTES):
            yield self._content[begin : begin + _PIECE_BYTES]


class OpenSearchServer:
    """One cluster, by any of its nodes."""

    def __init__(self, settings: OpenSearchSettings, section: str = "search") -> None:
        """``section``: of the configuration, for its errors. Raises InvalidConfiguration."""
        self.settings = settings
        self._section = section
        self._nodes = [self._node(host) for host in settings.hosts]
        if not self._nodes:
            raise InvalidConfiguration(f"{section}.url: the nodes are missing, like https://search:9200.")
        self.place = f"OpenSearch at {settings.hosts[0]}"
        self._client: AsyncOpenSearch | None = None

    async def open(self) -> None:
        """Get ready; no call is made. Raises InvalidConfiguration."""
        if self._client is not None:
            return
        settings = self.settings
        self._client = AsyncOpenSearch(
            hosts=self._nodes,
            http_auth=self._login(),
            ssl_context=self._tls() if any(node["use_ssl"] for node in self._nodes) else None,
            maxsize=_CONNECTIONS,
            max_retries=len(self._nodes) - 1,  # each node once
            retry_on_timeout=False,
            timeout=settings.call_seconds,
            serializer=_Encoded(),
        )

    async def close(self) -> None:
        """Let the connections go."""
        client, self._client = self._client, None
        if client is None:
            return
        pool = client.transport.connection_pool
        await client.close()
        for connection in getattr(pool, "orig_connections", ()):  # the driver forgets those that failed last
            await connection.close()

    async def ask(
        self,
        method: str,
        *path: str,
        body: object | None = None,
        lines: bytes | None = None,
        params: Mapping[str, str] = {},
        seconds: float | None = None,
        nothing: Container[int | str] = (),
    ) -> Any:
        """The answer to a call; Any: a document of the server's.

        ``path``: its parts, not yet quoted; ``lines``: a body of NDJSON; ``seconds``: those of a call that writes, if
        not given; ``nothing``: statuses, and types of errors, that are answered by None. Raises BackendError.
        """
        if self._client is None:
            raise BackendUnavailable(f"{self.place} is not open.")
        given = seconds or self.settings.call_seconds
        content = msgspec.json.encode(body) if body is not None else lines
        try:
            return await self._client.transport.perform_request(
                method,
                "/" + "/".join(quote(part, safe="") for part in path),
                params={**params, "request_timeout": given},
                body=_Pieces(content) if content is not None and len(content) > _PIECE_BYTES else content,
                headers={"content-type": _LINES if lines is not None else "application/json", **_traced()},
            )
        except TransportError as error:
            if error.status_code in nothing or error.error in nothing:
                return None
            raise meaning(self.place, error, given) from error
        except (SerializationError, ValueError) as error:
            raise BackendUnavailable(
                f"{self.place} answers with what is not OpenSearch's: {error}.", retry_after=RETRY_SECONDS
            ) from error

    async def version(self) -> str:
        """The server's version. Raises SchemaMismatch where it is none that can be used, BackendError."""
        answer = await self.ask("GET", seconds=self.settings.query_seconds)
        try:
            version = answer["version"]
            number, usable = str(version["number"]), version.get("distribution") == "opensearch"
            usable = usable and tuple(map(int, number.split(".")[:2])) >= OLDEST
        except (LookupError, TypeError, ValueError, AttributeError):
            number, usable = "no OpenSearch", False
        if not usable:
            wanted = ".".join(map(str, OLDEST))
            raise SchemaMismatch(f"{self.place} is {number}; OpenSearch {wanted} or newer is needed.")
        return number

    def _node(self, url: str) -> dict[str, Any]:
        """Any: the driver's own description of a host."""
        if "@" in url:
            raise InvalidConfiguration(f"{self._section}.url: it names a user; use `user` and `password` for that.")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if host is None or parts.scheme not in _PORTS or parts.query or parts.fragment:
            raise InvalidConfiguration(f"{self._section}.url: {url!r} is no address like https://search:9200.")
        prefix = {"url_prefix": parts.path.strip("/")} if parts.path.strip("/") else {}
        return {"host": host, "port": port or _PORTS[parts.scheme], "use_ssl": parts.scheme == "https", **prefix}

    def _login(self) -> tuple[str, str] | None:
        user, password = self.settings.user, self.settings.password
        return None if user is None or password is None else (user.reveal(), password.reveal())

    def _tls(self) -> ssl.SSLContext:
        settings = self.settings
        context = trusting(settings.ca_file, f"{self._section}.ca_file")
        if not settings.tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def _traced() -> dict[str, str]:
    """The headers that say for which request or flush a call is."""
    trace = CURRENT.get()
    if trace is None:
        return {}
    return {"traceparent": trace.traceparent} | ({"tracestate": trace.state} if trace.state else {})
