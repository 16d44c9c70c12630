"""The backend type ``opensearch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from adapters.opensearch.settings import OpenSearchSettings, nodes_of
from domain.errors import missing_driver
from domain.model.secret import Secret
from ports.backend_type import BackendContext, BackendSettings, BackendType, OpenableBackend

Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=3600)]
Prefix = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class OpenSearchBackendSettings(BackendSettings, frozen=True, kw_only=True):
    """Records as documents of a cluster's."""

    url: str  # https://search:9200; several nodes of one cluster are separated by commas
    user: Secret | None = None
    password: Secret | None = None
    tls_verify: bool = True
    ca_file: str | None = None  # of the authority that certifies the nodes; none: those that the system knows
    prefix: Prefix = "persistence-records"  # of the indexes' names
    call_seconds: Seconds = 30.0  # for one call that writes
    query_seconds: Seconds = 5.0  # for a list, or a read

    def __post_init__(self) -> None:
        """Refuse a server that is not described."""
        nodes_of(self.url, self.user, self.password)


def _build(settings: OpenSearchBackendSettings, context: BackendContext) -> OpenableBackend:
    try:
        from adapters.opensearch.backend import OpenSearchBackend
        from adapters.opensearch.connection import OpenSearchServer
    except ModuleNotFoundError as error:
        raise missing_driver(f"backends.{context.name}", error, "opensearch") from error
    reached = OpenSearchSettings(
        hosts=nodes_of(settings.url, settings.user, settings.password),
        user=settings.user,
        password=settings.password,
        tls_verify=settings.tls_verify,
        ca_file=Path(settings.ca_file) if settings.ca_file else None,
        call_seconds=settings.call_seconds,
        query_seconds=settings.query_seconds,
    )
    return OpenSearchBackend(OpenSearchServer(reached, f"backends.{context.name}"), settings.prefix)


OPENSEARCH = BackendType(OpenSearchBackendSettings, _build, drain="process")
