"""Which pages may ask where nobody has to authenticate: those of this listener alone (decision 0025)."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web

from domain.errors import ForeignOrigin
from entrypoints.setting_rules import is_loopback

_SITE = "Sec-Fetch-Site"  # https://www.w3.org/TR/fetch-metadata/: written by the browser, and by no page
_OF_NO_OTHER_PAGE = ("same-origin", "none")


class Origins:
    """Looks at what browsers say of the page that a request is from; programs that are none say nothing of it."""

    def __init__(self, *, any_host: bool) -> None:
        """``any_host``: others than this machine ask too, by whatever names it has for them."""
        self._any_host = any_host

    def check(self, request: web.Request) -> None:
        """Raises ForeignOrigin."""
        host = request.headers.get(hdrs.HOST)
        if host is not None and not self._any_host and not _is_own(host):
            raise ForeignOrigin(f"`Host` is {host[:80]!r}, which is no name of this machine alone.")
        site, origin = request.headers.get(_SITE), request.headers.get(hdrs.ORIGIN)
        if site in _OF_NO_OTHER_PAGE:
            return
        if site == "cross-site":
            raise ForeignOrigin("A browser sends this for a page of another site.")
        if origin is not None and _authority(origin) != (host or "").lower():
            raise ForeignOrigin(f"A browser sends this for a page of {origin[:80]!r}.")


def _is_own(host: str) -> bool:
    """Whether a ``Host`` leads to the machine that it is used on, wherever that is."""
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:  # brackets that enclose no address
        return False


def _authority(origin: str) -> str | None:
    """Host and port as ``Host`` has them; None of an origin that is ``null``, which no listener is."""
    _, mark, authority = origin.lower().partition("://")
    return authority if mark else None
