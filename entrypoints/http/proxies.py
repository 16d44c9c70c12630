"""Whose address a request comes from: a proxy's word counts only where it is a listed one's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from itertools import islice

from aiohttp import web

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HEADER = "X-Forwarded-For"
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([\d.]+):\d+")  # the second of IPv4
_MAX_HOPS = 32  # that are looked at, from this end; more proxies are in nobody's way


class Proxies:
    """The networks whose proxies are believed."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def client_of(self, request: web.Request) -> str | None:
        """The address of whoever sent a request to the first proxy that is believed: what stands left of that may be
        forged."""
        found = request.remote
        if not self._trusted or not self._believes(found):
            return found
        for hop in islice(_hops(request.headers.getall(_HEADER, ())), _MAX_HOPS):
            if _parsed(hop) is None:
                return found
            found = hop
            if not self._believes(found):
                return found
        return found

    def _believes(self, address: str | None) -> bool:
        parsed = _parsed(address or "")
        return parsed is not None and any(parsed in network for network in self._trusted)


def _hops(lines: Sequence[str]) -> Iterable[str]:
    """From the nearest to the farthest, without the ports that some proxies add."""
    for line in reversed(lines):
        for hop in reversed(line.split(",")):
            with_port = _WITH_PORT.fullmatch(hop.strip())
            yield (with_port[1] or with_port[2]) if with_port else hop.strip()


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
