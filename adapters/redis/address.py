"""Where a Redis is, as the driver takes it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from adapters.trust import trusting
from domain.errors import InvalidConfiguration
from domain.model.secret import Secret


def driver_options(url: Secret, password: Secret | None, ca_file: str, place: str) -> dict[str, Any]:
    """What ``from_url`` takes beside the URL. Any: options of the driver.

    With ``rediss://`` the certificate is one of ``ca_file`` (empty: of the authorities that the system knows) and names
    the host; the URL cannot say otherwise. ``place``: in the configuration. Raises InvalidConfiguration.
    """
    parts = urlsplit(url.reveal())
    if parts.query:
        raise InvalidConfiguration(f"{place}: a `?` with options is not taken; one reads redis://host:6379/0.")
    options: dict[str, Any] = {} if password is None else {"password": password.reveal()}
    if parts.scheme == "rediss":
        options |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_min_version": ssl.TLSVersion.TLSv1_2}
    if not ca_file:
        return options
    key = f"{place.rpartition('.')[0]}.ca_file"
    if parts.scheme != "rediss":
        raise InvalidConfiguration(f"{key}: it is for TLS, so {place} begins with rediss://.")
    trusting(ca_file, key)
    return options | {"ssl_ca_certs": str(Path(ca_file).expanduser())}
