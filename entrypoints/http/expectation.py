"""``Expect: 100-continue`` (RFC 9110, 10.1.1): the word to go on is the door's: no refused body is sent."""

from __future__ import annotations

from aiohttp import HttpVersion11, hdrs, web

_WORD = b"HTTP/1.1 100 Continue\r\n\r\n"


async def hold(request: web.Request) -> None:
    """Stands where the library would say the word, before anybody has looked at the request.

    Raises HTTPExpectationFailed for what else might be expected.
    """
    if _expects(request) and request.headers[hdrs.EXPECT].lower() != "100-continue":
        raise web.HTTPExpectationFailed


async def go_on(request: web.Request) -> None:
    """Say the word to who waits for it. Raises ConnectionError."""
    if _expects(request):
        await request.writer.write(_WORD)
        request.writer.output_size = 0  # of the answer, which has not begun


def _expects(request: web.Request) -> bool:
    return hdrs.EXPECT in request.headers and request.version == HttpVersion11
