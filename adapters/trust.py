"""Whose word a server's certificate needs."""

from __future__ import annotations

import ssl
from pathlib import Path

from domain.errors import InvalidConfiguration


def trusting(ca_file: str | Path | None, key: str) -> ssl.SSLContext:
    """A context in which a certificate is one of the authority in a file, and names the host.

    Without a file: of the authorities that the system knows. ``key``: of the configuration, for sentences. Raises
    InvalidConfiguration.
    """
    file = Path(ca_file).expanduser() if ca_file else None
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:  # ssl.SSLError too
        reason = error.strerror if type(error) is not ssl.SSLError else "it holds no certificates"
        raise InvalidConfiguration(f"{key}: {ca_file} cannot be used: {reason}.") from error
