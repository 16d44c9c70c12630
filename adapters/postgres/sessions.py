"""Opening a session: what it is told, and what must be true of it."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Sequence

import asyncpg

from adapters.postgres.errors import translated, translation
from adapters.sql.server import Server
from domain.errors import BackendUnavailable, PersistenceError, StartFailure

OLDEST = 13  # the first major version with all that our statements say

_TOLD = {
    "standard_conforming_strings": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "1min",
    "search_path": "public, pg_temp",  # nobody's table of the same name gets in between
    "TimeZone": "UTC",
    "plan_cache_mode": "force_custom_plan",  # one plan for all values is a bad one for some
    "jit": "off",  # compiling takes longer than our statements do
    "application_name": "persistence",
}
_SETTINGS = _TOLD | {"server_encoding": "UTF8", "client_encoding": "UTF8", "transaction_read_only": "off"}
_EXPECTED = _SETTINGS | {"schema": "public"}
_TELL = "SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS told (name, value)"
_LOOK = """
SELECT name, current_setting(name) FROM unnest($1::text[]) AS name
UNION ALL SELECT 'schema', coalesce(current_schema(), 'none')
"""
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"


async def opened(server: Server, tls: ssl.SSLContext | None, seconds: float) -> asyncpg.Connection:
    """A prepared session. Raises StartFailure where trying again would not help, else BackendError."""
    password = await asyncio.to_thread(server.secret)
    try:
        async with asyncio.timeout(seconds):
            driver = await _connected(server, tls, password)
            try:
                await _prepare(driver, server)
            except BaseException:
                driver.terminate()
                raise
    except TimeoutError as error:
        raise BackendUnavailable(f"PostgreSQL at {server.place} does not answer within {seconds:g} s.") from error
    return driver


def shared_sessions(server: Server) -> StartFailure:
    """What to say where a pooler lends a server's session to many clients in turn."""
    cure = "Set pool_mode = session there, or connect to the server itself: the service keeps a pool of its own."
    return StartFailure(f"A pooler at {server.place} shares sessions between transactions. {cure}")


async def _connected(server: Server, tls: ssl.SSLContext | None, password: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            password=password,  # empty, not None: the driver would look into the environment and the home folder
            database=server.database,
            ssl=tls or False,
            direct_tls=False,
        )
    except asyncpg.PostgresError as error:
        raise _refusal(error, server) from error
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or error
        raise StartFailure(f"PostgreSQL at {server.place} fails the TLS handshake: {reason}. See `tls_ca`.") from error
    except ConnectionError as error:
        if tls and not isinstance(error, ConnectionRefusedError | ConnectionResetError):
            raise StartFailure(f"PostgreSQL at {server.place} speaks no TLS, which `tls` requires.") from error
        raise _unreachable(error, server) from error
    except OSError as error:
        raise _unreachable(error, server) from error


def _refusal(error: asyncpg.PostgresError, server: Server) -> PersistenceError:
    """What a server means that does not let us in."""
    user, place = server.user, server.place
    match error.sqlstate:
        case "28P01":
            cure = "Correct `password`, `password_file` or `dsn`."
            return StartFailure(f"PostgreSQL at {place} refuses the password of user {user}. {cure}")
        case "28000":
            cure = "Create the role, allow it in pg_hba.conf, or correct `dsn` and `tls`."
            return StartFailure(f"PostgreSQL at {place} refuses user {user}: {error.args[0]}. {cure}")
        case "3D000":
            cure = f"Create it ({_create(server)}), or correct `dsn`."
            return StartFailure(f"PostgreSQL at {place} has no database {server.database}. {cure}")
        case "42501":
            cure = f'Run: GRANT CONNECT ON DATABASE "{server.database}" TO "{user}"'
            return StartFailure(f"User {user} may not connect to PostgreSQL at {place}. {cure}")
    return translation(error)


def _unreachable(error: OSError, server: Server) -> BackendUnavailable:
    number = error.errno or 0  # negative where the name has no address; asyncio tells no reason but this number
    reason = os.strerror(number) if number > 0 else error.strerror or str(error)
    cure = "Start it, or correct `dsn`."
    return BackendUnavailable(f"PostgreSQL at {server.place} cannot be reached: {reason}. {cure}")


async def _prepare(driver: asyncpg.Connection, server: Server) -> None:
    version = driver.get_server_version()
    if version.major < OLDEST:
        raise StartFailure(f"PostgreSQL {version.major} at {server.place} is too old; {OLDEST} or newer is needed.")
    for name, value in await _told(driver, server):
        if value != _EXPECTED[name]:
            raise _unfit(name, value, server)


async def _told(driver: asyncpg.Connection, server: Server) -> Sequence[tuple[str, str]]:
    """Tell a session how to be, and let it say how it is."""
    with translated():
        try:
            await driver.execute(_TELL, list(_TOLD), list(_TOLD.values()))
            await driver.execute(_DURABLE)  # a stronger level than "on" stays as the database's owner set it
            return [(name, value) for name, value in await driver.fetch(_LOOK, list(_SETTINGS))]
        except (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError) as error:
            raise shared_sessions(server) from error


def _unfit(name: str, value: str, server: Server) -> PersistenceError:
    if name == "transaction_read_only":
        return BackendUnavailable(f"PostgreSQL at {server.place} is a standby, which takes no writes.")
    if name == "server_encoding":
        cure = f"Use another: {_create(server)}"
        return StartFailure(f"Database {server.database} at {server.place} is encoded in {value}. {cure}")
    if name == "schema":
        cure = f'Run: GRANT USAGE ON SCHEMA public TO "{server.user}"'
        return StartFailure(f"User {server.user} may not use the schema public at {server.place}. {cure}")
    return StartFailure(f"PostgreSQL at {server.place} keeps {name} = {value}; {_EXPECTED[name]} is needed.")


def _create(server: Server) -> str:
    return f"CREATE DATABASE \"{server.database}\" ENCODING 'UTF8' TEMPLATE template0"
