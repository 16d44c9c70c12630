"""Where a database server is and who goes in: the keys that its backend types have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from domain.errors import InvalidConfiguration
from domain.model.secret import Secret
from ports.backend_type import BackendSettings

if TYPE_CHECKING:
    from ssl import SSLContext

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Sessions = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class ServerSettings(BackendSettings, frozen=True, kw_only=True):
    """The keys of a ``[backends.NAME]`` table of a database server."""

    dsn: Secret  # scheme://user@host:port/database; masked, because it may hold the password
    password: Secret | None = None
    password_file: str | None = None  # read at each connect, so that a changed password is found
    tls: Literal["off", "required"] = "off"  # required: encrypted, and the certificate names the host
    tls_ca: str | None = None  # file of the authorities that are trusted; None: those of the system
    pool_min: Sessions = 10  # sessions that are opened at the start and kept
    pool_max: Sessions = 50
    pool_recycle_seconds: Seconds = 3600.0  # no session gets older
    connect_seconds: Seconds = 5.0
    query_seconds: Seconds = 5.0  # for a read or a list, all waiting included
    write_seconds: Seconds = 30.0  # for one statement of a batch
    parallel_writes: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2  # statements of one batch at a time

    def __post_init__(self) -> None:
        """Refuse keys that contradict each other."""
        if self.pool_min > self.pool_max:
            raise ValueError("pool_min must not be above pool_max")
        if self.tls_ca is not None and self.tls == "off":
            raise ValueError('tls_ca needs tls = "required"')


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One database on one server, and its user."""

    host: str
    port: int
    database: str
    user: str
    password: Secret | None = None
    password_file: Path | None = None

    @property
    def place(self) -> str:
        """Where it is, for sentences; never the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.database}"

    def secret(self) -> str:
        """The password as it is now, empty where there is none. Raises InvalidConfiguration where its file fails."""
        if self.password_file is None:
            return self.password.reveal() if self.password else ""
        try:
            return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InvalidConfiguration(f"The password file {self.password_file} cannot be read: {reason}.") from error


def server(settings: ServerSettings, table: str, schemes: tuple[str, ...], port: int) -> Server:
    """What the DSN says. ``table``: ``backends.NAME``, for messages; ``port``: where the DSN names none.

    Raises InvalidConfiguration, which never repeats the text: a slip in it may show the password.
    """
    shape = f"{table}.dsn: expected {schemes[0]}://user@host:{port}/database"
    url, named_port = _split(settings.dsn.reveal(), shape)
    if url.scheme not in schemes:
        raise InvalidConfiguration(f"{shape}; it does not begin with {schemes[0]}://.")
    if url.query or url.fragment:
        raise InvalidConfiguration(
            f"{shape}; options are keys of [{table}], and `?` or `#` in a password is %3F or %23."
        )
    database = unquote(url.path.removeprefix("/"))
    for part, found in (("user", url.username), ("host", url.hostname), ("database", database)):
        if not found:
            raise InvalidConfiguration(f"{shape}; the {part} is missing.")
    if "/" in url.path.removeprefix("/"):
        raise InvalidConfiguration(f"{shape}; `/` in a password or name is %2F.")
    if sum(found is not None for found in (url.password, settings.password, settings.password_file)) > 1:
        raise InvalidConfiguration(f"{table}: `dsn`, `password` and `password_file` name several passwords; keep one.")
    return Server(
        host=url.hostname or "",
        port=named_port or port,
        database=database,
        user=unquote(url.username or ""),
        password=settings.password if url.password is None else Secret(unquote(url.password)),
        password_file=None if settings.password_file is None else Path(settings.password_file).expanduser(),
    )


def tls_context(settings: ServerSettings, table: str) -> SSLContext | None:
    """How sessions are encrypted, None where they are not: the certificate must be valid and name the host.

    Raises InvalidConfiguration where the file of authorities cannot be used.
    """
    if settings.tls == "off":
        return None
    from adapters.trust import trusting  # slow to import, and commands that open nothing read the settings

    return trusting(settings.tls_ca, f"{table}.tls_ca")


def caution(settings: ServerSettings, server: Server) -> str:
    """What to know before records go to this server; empty where there is nothing."""
    if settings.tls == "required" or server.host in _LOOPBACK:
        return ""
    return f'nothing is encrypted on its way to {server.host} (tls = "required" does)'


def _split(dsn: str, shape: str) -> tuple[SplitResult, int | None]:
    try:
        url = urlsplit(dsn)
        return url, url.port
    except ValueError:
        raise InvalidConfiguration(f"{shape}; the port, or what stands for it, is no number up to 65535.") from None
