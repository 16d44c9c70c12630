"""The backend types ``mysql`` and ``mariadb``: one, under the two names that its servers go by."""

from __future__ import annotations

from typing import Annotated

import msgspec

from adapters.sql.server import ServerSettings
from domain.errors import missing_driver
from ports.backend_type import BackendContext, BackendType, OpenableBackend


class MysqlSettings(ServerSettings, frozen=True, kw_only=True):
    """A database of MySQL (8.0.19 or newer) or MariaDB (10.6 or newer): mysql://user@host:3306/database."""

    pool_overflow: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 10  # sessions beyond pool_max, closed after use


def _build(settings: MysqlSettings, context: BackendContext) -> OpenableBackend:
    try:
        from adapters.mysql.backend import mysql_backend
    except ModuleNotFoundError as error:
        raise missing_driver(f"backends.{context.name}", error, "mysql") from error
    return mysql_backend(settings, context)


MYSQL = BackendType(MysqlSettings, _build, drain="process")
