"""The backend type ``postgres``."""

from __future__ import annotations

from adapters.sql.server import ServerSettings
from domain.errors import missing_driver
from ports.backend_type import BackendContext, BackendType, OpenableBackend


class PostgresSettings(ServerSettings, frozen=True, kw_only=True):
    """A database on a PostgreSQL server: postgresql://user@host:5432/database."""


def _build(settings: PostgresSettings, context: BackendContext) -> OpenableBackend:
    try:
        from adapters.postgres.backend import postgres_backend
    except ModuleNotFoundError as error:
        raise missing_driver(f"backends.{context.name}", error, "postgres") from error
    return postgres_backend(settings, context)


POSTGRES = BackendType(PostgresSettings, _build, drain="process")
