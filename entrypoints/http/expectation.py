"""``Expect: 100-continue`` (RFC 9110, 10.1.1): the word to go on is said when the body is wanted, to nobody refused."""

from __future__ import annotations

from aiohttp import HttpVersion11, hdrs, web

from domain.errors import InvalidParameter

_SAID = web.RequestKey("said", bool)
_WORD = b"HTTP/1.1 100 Continue\r\n\r\n"


async def hold(_: web.Request) -> None:
    """Stands where the library would say the word, before anybody has looked at the request."""


def check(request: web.Request) -> None:
    """Refuse what else might be expected. Raises InvalidParameter."""
    if _expects(request) and request.headers[hdrs.EXPECT].lower() != "100-continue":
        raise InvalidParameter("Nothing can be expected by `Expect` but `100-continue`.")


async def go_on(request: web.Request) -> None:
    """Say the word to who waits for it, once, before their body is awaited. Raises ConnectionError."""
    if _expects(request) and _SAID not in request:
        request[_SAID] = True
        await request.writer.write(_WORD)
        request.writer.output_size = 0  # of the answer, which has not begun


def _expects(request: web.Request) -> bool:
    return hdrs.EXPECT in request.headers and request.version == HttpVersion11
