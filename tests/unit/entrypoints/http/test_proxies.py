"""Whose word on an address counts."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from entrypoints.http.proxies import Proxies

TRUSTED = Proxies([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])


def seen(proxies: Proxies, peer: str, *lines: str) -> str | None:
    headers = CIMultiDict([("X-Forwarded-For", line) for line in lines])
    return proxies.client_of(make_mocked_request("GET", "/", headers=headers).clone(remote=peer))


@pytest.mark.parametrize(
    ("peer", "lines", "client"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),  # no proxy of ours says so
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("1.1.1.1, 198.51.100.1",), "198.51.100.1"),  # what the client forged stands left
        ("10.0.0.1", ("1.1.1.1, 198.51.100.1, 10.0.0.2",), "198.51.100.1"),
        ("10.0.0.1", ("198.51.100.1", "10.0.0.3"), "198.51.100.1"),
        ("10.0.0.1", ("6.6.6.6", "198.51.100.1"), "198.51.100.1"),  # forged on a line of its own
        ("10.0.0.1", ("2001:db8::1",), "2001:db8::1"),
        ("fd00::1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("198.51.100.1, nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", ("1.1.1.1, 198.51.100.1:52114, 10.0.0.2:80",), "198.51.100.1"),
        ("10.0.0.1", ("[2001:db8::1]:443",), "2001:db8::1"),
        ("10.0.0.1", ("[2001:db8::1]",), "2001:db8::1"),
        ("10.0.0.1", ("2001:db8::1:443",), "2001:db8::1:443"),  # an address of its own
        ("10.0.0.1", ("198.51.100.1:",), "10.0.0.1"),
        ("10.0.0.1", ("[198.51.100.1:80",), "10.0.0.1"),
        ("10.0.0.1", ("10.0.0.2",), "10.0.0.2"),
        ("10.0.0.1", (", ".join(["6.6.6.6"] * 500),), "6.6.6.6"),
        ("10.0.0.1", (", ".join(["6.6.6.6"] + ["10.1.1.1"] * 500),), "10.1.1.1"),
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxy_is_the_callers(peer, lines, client):
    assert seen(TRUSTED, peer, *lines) == client


def test_without_trusted_proxies_the_header_says_nothing():
    assert seen(Proxies(), "10.0.0.1", "198.51.100.1") == "10.0.0.1"
