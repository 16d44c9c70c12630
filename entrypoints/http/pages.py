"""Pages for people: files of ours and of the vendored viewer, and who wants to see one."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

from aiohttp import web

_STATIC = Path(__file__).with_name("static")
_VIEWER = _STATIC / "vendored" / "swagger-ui"
FILES: Mapping[str, Path] = {  # what /docs/{file} serves, and nothing else
    path.name: path
    for path in (
        _STATIC / "docs.js",
        _STATIC / "pages.css",
        _VIEWER / "swagger-ui-bundle.js",
        _VIEWER / "swagger-ui.css",
    )
}
HTML = "text/html"
_TYPES = {".html": HTML, ".css": "text/css", ".js": "text/javascript"}
HEADERS = {  # nothing is loaded from elsewhere, or framed
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
_CODE = re.compile(r"`([^`]+)`")
_QUALITY = re.compile(r";\s*q=0(?:\.0*)?\s*(?:;|$)")


def file_response(path: Path) -> web.FileResponse:
    """A file that belongs to a page."""
    return web.FileResponse(path, headers={**HEADERS, "Content-Type": f"{_TYPES[path.suffix]}; charset=utf-8"})


def docs() -> web.FileResponse:
    """The page that draws the API's description."""
    return file_response(_STATIC / "docs.html")


def template(name: str) -> Template:
    """A page with places for text."""
    return Template((_STATIC / name).read_text(encoding="utf-8"))


def filled(page: Template, texts: Mapping[str, str], markup: Mapping[str, str] | None = None) -> web.Response:
    """The page with these texts in it; a word between backticks is shown as code. ``markup`` is put in as it is."""
    shown = {name: _CODE.sub(r"<code>\1</code>", html.escape(text)) for name, text in texts.items()}
    body = page.substitute(shown, **(markup or {})).encode()
    headers = {**HEADERS, "Content-Type": f"{HTML}; charset=utf-8", "Vary": "Accept"}
    return web.Response(body=body, headers=headers)


def terms(pairs: Mapping[str, str]) -> str:
    """Names and what is said of them, as the inside of a ``<dl>``."""
    return "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>\n" for name, text in pairs.items())


def links(addresses: Mapping[str, str]) -> str:
    """Links by what they are called."""
    return "\n".join(f'<a href="{html.escape(to)}">{html.escape(name)}</a>' for name, to in addresses.items())


def is_wanted(request: web.Request) -> bool:
    """Whether the caller names HTML among what it accepts, and not JSON before it: browsers do, programs do not."""
    for part in ",".join(request.headers.getall("Accept", [])).lower().split(","):
        kind = part.partition(";")[0].strip()
        if kind in (HTML, "application/json", "application/problem+json") and not _QUALITY.search(part):
            return kind == HTML
    return False
