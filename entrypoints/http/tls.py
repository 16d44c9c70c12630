"""The listener's certificate: TLS 1.3 unless 1.2 is asked for, and a renewed file is taken without a restart."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec

from domain.errors import InvalidConfiguration
from domain.model.observations import CertificateRefused, CertificateRenewed
from domain.model.secret import exposure
from domain.services.ending import ended
from entrypoints.sections import ServerSettings
from ports.ambient import Observer

LOOK_SECONDS = 5.0  # how soon a renewed certificate is noticed
_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

_Seen = tuple[tuple[int, int, int], ...]


class TlsFiles(msgspec.Struct, frozen=True):
    """What the listener shows to its clients, and what it asks of them."""

    certificate: Path  # PEM: the server's own first, then those between it and the authority
    key: Path  # PEM, not encrypted
    minimum: str = "1.3"  # version of TLS


class Certificate:
    """A context for the listener that stays the same object while its files change.

    Each handshake is handed on to the context that was made last; connections that are open keep theirs.
    """

    def __init__(self, files: TlsFiles, observer: Observer, look_seconds: float = LOOK_SECONDS) -> None:
        self._files = files
        self._observer = observer
        self._look_seconds = look_seconds
        self._newest: ssl.SSLContext | None = None
        self._seen: _Seen = ()
        self._watch: asyncio.Task[None] | None = None

    @property
    def names(self) -> str:
        """The two files, for a sentence."""
        return f"{self._files.certificate} and {self._files.key}"

    def load(self) -> ssl.SSLContext:
        """The context to listen with. Raises InvalidConfiguration that names the key of the configuration."""
        self._seen = self._look()
        context = self._newest = self._checked()
        context.sni_callback = self._hand_on
        return context

    def watch(self) -> None:
        """Look from time to time whether the files are others."""
        self._watch = asyncio.create_task(self._watching(), name="certificate")

    async def close(self) -> None:
        """Look no more."""
        if self._watch is not None:
            await ended(self._watch)
            self._watch = None

    async def _watching(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Take the files as they are now, if they are others and fit together; else go on with what is loaded."""
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._newest = self._checked()
        except InvalidConfiguration as error:  # half of a renewal never serves
            self._observer(CertificateRefused(detail=error.detail))
        else:
            self._observer(CertificateRenewed(certificate=str(self._files.certificate)))

    def _hand_on(self, connection: ssl.SSLObject | ssl.SSLSocket, _: str | None, __: ssl.SSLContext) -> None:
        """Called by OpenSSL before it chooses a certificate, whether the client names a host or not."""
        if self._newest is not None:
            connection.context = self._newest

    def _checked(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _MINIMUM[self._files.minimum]
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols(["http/1.1"])
        _told("tls_certificate", self._files.certificate, _readable)
        _told("tls_key", self._files.key, _secret)
        try:
            context.load_cert_chain(self._files.certificate, self._files.key, password=_no_password)
        except OSError as error:  # ssl.SSLError too; or a file has gone since
            raise InvalidConfiguration(
                f"server.tls_certificate, server.tls_key: {self.names} are no certificate and its key, both as PEM: "
                f"{getattr(error, 'reason', None) or error.strerror or error}."
            ) from error
        return context

    def _look(self) -> _Seen:
        """What tells one content of the files from another; a file that is away has none."""
        return tuple(_identity(path) for path in (self._files.certificate, self._files.key))


def certificate_of(server: ServerSettings, observer: Observer) -> Certificate | None:
    """What the listener shows to its clients; None where it encrypts nothing."""
    if not server.tls_certificate:
        return None
    files = TlsFiles(Path(server.tls_certificate).expanduser(), Path(server.tls_key).expanduser(), server.tls_minimum)
    return Certificate(files, observer)


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return status.st_ino, status.st_mtime_ns, status.st_size


def _told(key: str, path: Path, judge: Callable[[Path], None]) -> None:
    try:
        judge(path)
    except OSError as error:
        raise InvalidConfiguration(f"server.{key}: {path} cannot be read: {error.strerror or error}.") from error


def _readable(path: Path) -> None:
    with path.open("rb"):
        pass


def _secret(path: Path) -> None:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
    if found := exposure(path, status.st_uid, status.st_mode):
        raise InvalidConfiguration(f"server.tls_key: {found}.")


def _no_password() -> str:
    """Never ask on the terminal for the password of an encrypted key."""
    raise InvalidConfiguration(
        "server.tls_key: the key is encrypted; give one without a password, readable by its owner."
    )
