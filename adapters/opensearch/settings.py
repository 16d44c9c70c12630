"""How an OpenSearch is reached."""

from __future__ import annotations

from pathlib import Path

import msgspec

from domain.model.secret import Secret


def nodes_of(url: str, user: Secret | None, password: Secret | None) -> tuple[str, ...]:
    """The nodes that a configured ``url`` names, separated by commas. Raises ValueError where settings do not fit."""
    nodes = tuple(filter(None, map(str.strip, url.split(","))))
    if not nodes:
        raise ValueError('type "opensearch" needs a `url`, like https://search:9200')
    if "@" in url:
        raise ValueError("`url` names a user; use `user` and `password` for that")
    if (user is None) != (password is None):
        raise ValueError("`user` and `password` go together")
    return nodes


class OpenSearchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where its nodes are, who enters, and how long one waits."""

    hosts: tuple[str, ...]  # https://search:9200, or several nodes of one cluster; where one is away the next is asked
    user: Secret | None = None
    password: Secret | None = None
    tls_verify: bool = True  # the certificate is one of a known authority, and names the host
    ca_file: Path | None = None  # that authority's certificate; none: those that the system knows
    call_seconds: float = 30.0  # for one call that writes
    query_seconds: float = 5.0  # for one that reads
