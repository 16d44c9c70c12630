"""Whether a certificate still holds, and for how long."""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

SOON = timedelta(days=14)  # before the end of a certificate that should have been renewed
_FLIGHTS = 3  # of a handshake, each way, at most: TLS 1.3 has two, TLS 1.2 has one more


def trouble_of(shown: ssl.SSLContext, certificate: Path, now: datetime) -> str:
    """What is wrong with the time of a certificate (RFC 5280, 4.1.2.5); empty where nothing is.

    ``shown``: what a server listens with, ``certificate``: the file that this shows. They shake hands in memory, with a
    client that trusts this certificate and nothing else: so its time alone is judged. Raises OSError.
    """
    try:
        ends = _end_of(shown, certificate)
    except ssl.SSLCertVerificationError as error:
        return f"{error.verify_message}: clients refuse it"
    return f"it ends at {ends:%Y-%m-%d %H:%M} UTC" if ends - now < SOON else ""


def _end_of(shown: ssl.SSLContext, certificate: Path) -> datetime:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname = False
    trust.verify_flags = ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    trust.load_verify_locations(certificate)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = trust.wrap_bio(down, up), shown.wrap_bio(up, down, server_side=True)
    for side in sides * _FLIGHTS:
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str((sides[0].getpeercert() or {})["notAfter"])), UTC)
