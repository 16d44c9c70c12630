"""One session of the driver, hardened: what aiomysql leaves open is shut here, and nowhere else is it spoken to."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple

import aiomysql
from pymysql.constants import CLIENT, COMMAND
from pymysql.err import MySQLError, OperationalError

from adapters.mysql.errors import translated
from adapters.mysql.product import Product, identify
from adapters.mysql.refusals import NO_TLS, entering
from adapters.sql.rows import Row
from adapters.sql.server import Server
from domain.errors import StartFailure

LOCK_SECONDS = 5  # how long a statement waits for a row or a table that another session holds
_MODES = {"STRICT_ALL_TABLES", "NO_ENGINE_SUBSTITUTION"}  # of ``sql_mode``: these and no others
_SETTINGS = {
    "sql_mode": "'" + ",".join(sorted(_MODES)) + "'",
    "autocommit": "1",
    "innodb_lock_wait_timeout": str(LOCK_SECONDS),
    "lock_wait_timeout": str(LOCK_SECONDS),
    "lc_messages": "'en_US'",  # the text of an error says which row it means
}
_PREPARE = (
    b"SET NAMES utf8mb4",
    ("SET " + ", ".join(f"SESSION {name} = {value}" for name, value in _SETTINGS.items())).encode(),
    b"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
)
_LOOK = (
    b"SELECT @@version, @@version_comment, @@max_allowed_packet, @@SESSION.sql_mode, @@SESSION.autocommit,"
    b" @@SESSION.character_set_client, @@SESSION.character_set_connection, @@SESSION.character_set_results"
)
_QUIT = b"\x01\x00\x00\x00" + bytes([COMMAND.COM_QUIT])
_OURS = range(2000, 3000)  # error numbers of the driver itself: the session is in no state to go on
_PARTING = 1153  # the packet was too large: the server says so and hangs up


class Answer(NamedTuple):
    """What the server says to a statement."""

    affected: int  # rows: an upsert counts 1 for an inserted, 2 for a changed, 0 for an equal one
    rows: Sequence[Row]
    message: str  # what an INSERT of several rows adds: "Records: 3  Duplicates: 1  Warnings: 0"


class Session(aiomysql.Connection):  # type: ignore[misc]  # the driver brings no types
    """A connection in strict mode and utf8mb4, one statement a call, that sends no file to whoever asks for one.

    A call that is cancelled, or ends in anything but an answer, closes it.
    """

    product: Product  # known once it is open
    _reader: Any  # of the driver, as are the next two
    _writer: Any
    _result: Any

    def __init__(self, server: Server, password: str, tls: ssl.SSLContext | None = None) -> None:
        """``tls``: encrypt, and see whose certificate it is."""
        super().__init__(
            host=server.host,
            port=server.port,
            user=server.user,
            password=password.encode().decode("latin-1"),  # what the driver encodes so, servers take as UTF-8
            db=server.database,
            charset="utf8mb4",
            autocommit=None,
            local_infile=False,
            ssl=tls,
            program_name="persistence-service",
        )
        self.client_flag &= ~CLIENT.MULTI_STATEMENTS  # which the driver forces: an injection would become any statement
        self._to = server

    async def open(self) -> None:
        """Connect and prepare. Raises BackendError, StartFailure."""
        try:
            with entering(self._to):
                await self._connect()
            with translated(f"The server at {self._to.place}"):
                for statement in _PREPARE:
                    await self.run(statement)
                (found,) = (await self.run(_LOOK)).rows
            self.product = self._checked(*found)
        except BaseException:
            self.close()
            raise

    async def run(self, statement: bytes) -> Answer:
        """The whole answer to a statement. Raises what the driver raises."""
        try:
            await self.query(statement)
        except BaseException as error:
            self._give_up_after(error)
            raise
        result = self._result
        message = (result.message or b"").decode(errors="replace")  # its length comes before it, as a byte of any value
        return Answer(result.affected_rows, _texts(result.rows or ()), message)

    async def begin_rows(self, statement: bytes) -> None:
        """Ask for rows that are then taken one by one."""
        try:
            await self.query(statement, unbuffered=True)
        except BaseException as error:
            self._give_up_after(error)
            raise

    async def next_row(self) -> Row | None:
        """The next of the rows asked for; None behind the last."""
        try:
            row = await self._result._read_rowdata_packet_unbuffered()
        except BaseException as error:
            self._give_up_after(error)
            raise
        return None if row is None else tuple(map(_text, row))

    @property
    def is_usable(self) -> bool:
        """Whether the next statement may be sent: open, heard nothing of an end, and nothing left of the last one."""
        reader = self._reader
        alive = not self.closed and not reader.at_eof() and not reader.eof_received and reader.exception() is None
        return alive and not self.has_rows and not self.get_transaction_status()

    @property
    def has_rows(self) -> bool:
        """Whether rows that were asked for are not taken yet."""
        return self._result is not None and bool(self._result.unbuffered_active)

    def leave(self) -> None:
        """Say goodbye to a server that may listen, and close."""
        if not self.closed:
            self._write_bytes(_QUIT)
        self.close()

    def close(self) -> None:
        """Close at once: what was not sent never will be, and a stalled peer keeps nothing of ours."""
        if self._writer:
            self._writer.transport.abort()
        self._writer = self._reader = None

    async def _request_authentication(self) -> None:
        if self._ssl_context and not self.server_capabilities & CLIENT.SSL:  # the driver would go on in clear text
            raise OperationalError(NO_TLS, "TLS is required and the server offers none")
        await super()._request_authentication()

    def _give_up_after(self, error: BaseException) -> None:
        """Close, but after an error that the server itself answered."""
        number = error.args[0] if error.args else None
        if not isinstance(error, MySQLError) or not isinstance(number, int) or number in _OURS or number == _PARTING:
            self.close()

    def _checked(
        self, version: str, comment: str, max_packet: int, modes: str, autocommit: int, *character_sets: str
    ) -> Product:
        if set(modes.split(",")) != _MODES or autocommit != 1 or set(character_sets) != {"utf8mb4"}:
            found = f"sql_mode {modes}, autocommit {autocommit}, character sets {', '.join(character_sets)}"
            raise StartFailure(
                f"The server at {self._to.place} does not take the settings of a session (it has {found}). "
                "Connect to the server itself, or to a proxy that keeps them."
            )
        return identify(version, comment, int(max_packet))


def _texts(rows: Sequence[Row]) -> Sequence[Row]:
    return [tuple(map(_text, row)) for row in rows]


def _text(value: Any) -> Any:  # Any: whatever a column holds
    """Binary columns come as bytes; what we keep in them is text."""
    return value.decode() if type(value) is bytes else value
