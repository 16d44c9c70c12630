"""Why a server does not let us in, in one sentence with the place and the cure."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from pymysql.constants import CR
from pymysql.err import MySQLError

from adapters.mysql.errors import reason, translated
from adapters.sql.server import Server
from domain.errors import BackendError, BackendUnavailable, StartFailure

NO_TLS = int(CR.CR_SSL_CONNECTION_ERROR)  # said by our own session, before it says who it is
_PASSWORD = {1045, 1698, 1862, 3118, 4151}
_UNREACHABLE = int(CR.CR_CONN_HOST_ERROR)


@contextmanager
def entering(server: Server) -> Iterator[None]:
    """Raise what the driver raises while it connects. StartFailure where trying again would not help."""
    place = f"The server at {server.place}"
    try:
        with translated(place):
            yield
    except BackendError as error:
        raise _refusal(error, server, place) from error.__cause__


def _refusal(error: BackendError, server: Server, place: str) -> BackendError | StartFailure:
    cause = error.__cause__
    number, text = cause.args if isinstance(cause, MySQLError) and len(cause.args) == 2 else (0, "")
    below = cause.__cause__ if cause else None
    if isinstance(below, ssl.SSLError):
        return StartFailure(f"{place} fails the TLS handshake: {reason(below)}. See `tls_ca`.")
    if number == _UNREACHABLE and below:
        return BackendUnavailable(f"{place} cannot be reached: {reason(below)}. Start it, or correct `dsn`.")
    user, database = server.user, server.database
    if number in _PASSWORD:
        cure = "Correct `dsn`, `password` or `password_file`; or set `tls`, which the account may require."
        return StartFailure(f"{place} refuses user {user} or the password. {cure}")
    cures = {
        NO_TLS: f"{place} speaks no TLS, which `tls` requires.",
        3159: f'{place} takes encrypted sessions only. Set `tls = "required"`.',
        1044: f"User {user} may not use the database {database}. Run: GRANT ALL ON `{database}`.* TO '{user}'@'%'",
        1049: f"{place} has no database {database}. Run: CREATE DATABASE `{database}`",
        1130: f"{place} lets nobody in from here: {text}. Create the user for this host.",
    }
    return StartFailure(cures[number]) if number in cures else error
