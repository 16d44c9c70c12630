"""Query parameters: decoded strictly, and none that is unknown is passed over."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import parse_qsl, unquote_to_bytes

from aiohttp import web

from domain.errors import InvalidParameter

Pairs = Sequence[tuple[str, str]]
MAX_PARAMETERS = 500
MAX_SECONDS = 300.0


def pairs_of(request: web.Request) -> Pairs:
    """The parameters in order, percent-decoded. Raises InvalidParameter."""
    text = request.rel_url.raw_query_string
    if not text:
        return ()
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError:
        raise InvalidParameter("The query string is not percent-encoded UTF-8.") from None
    except ValueError:
        raise InvalidParameter(f"The query string has more than {MAX_PARAMETERS} parameters.") from None


def check_path(request: web.Request) -> None:
    """Refuse a path whose bytes are no UTF-8: left as it stands, it would be another address's twin.

    Raises InvalidParameter.
    """
    path = request.rel_url.raw_path
    if "%" in path:
        try:
            unquote_to_bytes(path).decode()
        except UnicodeDecodeError:
            raise InvalidParameter("The address is not UTF-8 where it is percent-encoded.") from None


def only(request: web.Request, *known: str) -> Mapping[str, str]:
    """The parameters of an endpoint that knows just these. Raises InvalidParameter, naming the others."""
    pairs = pairs_of(request)
    return singles(pairs, known) if pairs else {}


def singles(pairs: Pairs, known: Collection[str]) -> Mapping[str, str]:
    """Parameters that are known and stand once. Raises InvalidParameter."""
    values: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            listing = f"there are: {', '.join(known)}" if known else "this address takes none"
            raise InvalidParameter(f"`{name[:80]}` is not a parameter here; {listing}.")
        if name in values:
            raise InvalidParameter(f"`{name}` stands twice.")
        values[name] = value
    return values


def word(values: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """One of a closed list of words, the first when absent. Raises InvalidParameter, listing them."""
    value = values.get(name, choices[0])
    if value not in choices:
        raise InvalidParameter(f"`{name}` is one of: {', '.join(choices)}; not {value[:80]!r}.")
    return value


def whole(values: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    """An integer in a range. Raises InvalidParameter, naming it."""
    text = values.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and lowest <= int(text) <= highest):
        raise InvalidParameter(f"`{name}` is a whole number from {lowest} to {highest}, not {text[:80]!r}.")
    return int(text)


def seconds(values: Mapping[str, str], name: str, default: float, highest: float = MAX_SECONDS) -> float:
    """A time to wait, above 0. Raises InvalidParameter, naming it."""
    text = values.get(name)
    if text is None:
        return default
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found <= highest:
        raise InvalidParameter(f"`{name}` is a number of seconds above 0, at most {highest:g}.")
    return found
