"""The backend type ``sqlite``."""

from __future__ import annotations

from ports.backend_type import BackendContext, BackendSettings, BackendType, OpenableBackend


class SqliteSettings(BackendSettings, frozen=True, kw_only=True):
    """An embedded database in one file."""

    path: str = "{data_dir}/persistence.db"


def _build(settings: SqliteSettings, context: BackendContext) -> OpenableBackend:
    from adapters.sqlite.backend import SqliteBackend

    return SqliteBackend(context.path(settings.path), context.collections)


SQLITE = BackendType(SqliteSettings, _build, alone=True)
