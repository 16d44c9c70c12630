"""What is said of a file where its content is sent."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from email.utils import format_datetime
from urllib.parse import quote

import msgspec

from domain.model.files import FILES
from domain.model.links import Shown
from domain.model.records import Record, Value
from entrypoints.http.media import OCTETS
from entrypoints.http.preconditions import quoted
from entrypoints.http.upload import METADATA_PREFIX

_SHOWN = re.compile(r"(image/(png|jpeg|gif|webp|avif|bmp)|text/plain|audio/.+|video/.+)", re.ASCII)
_ACTIVE = re.compile(r"html|xml|svg|script|flash|java", re.ASCII)  # what a browser might run
_UNQUOTED = re.compile(r"[^ !#$&-:<-\[\]-~]")  # readers differ on %, ; and \ between quotes
_TOKEN = re.compile(r"[a-z0-9!#$&'*+.^_`|~-]+", re.ASCII)
_VISIBLE = re.compile(r"[!-~]([ -~]*[!-~])?", re.ASCII)
_METADATA_BYTES = 2048  # of it in headers; all of it is in the record
_SAFETY = {  # nobody's file runs under our address
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def size_of(record: Record) -> int:
    """How many bytes the content has."""
    return int(_value(record, "size") or 0)


def _value(record: Record, field: str) -> Value:
    return record.values[FILES.positions[field]]


def headers_of(record: Record) -> dict[str, str]:
    """What is said of a file beside its content."""
    kind, name = str(_value(record, "content_type")), str(_value(record, "name"))
    digest = base64.b64encode(bytes.fromhex(str(_value(record, "sha256")))).decode()
    return {
        **_metadata(str(_value(record, "metadata"))),
        **_SAFETY,
        "Content-Type": _harmless(kind),
        "Content-Disposition": f"{'inline' if _SHOWN.fullmatch(kind) else 'attachment'}; {_filename(name)}",
        "ETag": quoted(record.tag),
        "Last-Modified": format_datetime(record.updated_at.replace(microsecond=0), usegmt=True),
        "Accept-Ranges": "bytes",
        "Repr-Digest": f"sha-256=:{digest}:",
    }


def shown_of(record: Record) -> Shown:
    """What another server says of the content: nothing that would be run or shown under its address."""
    kind, name = str(_value(record, "content_type")), str(_value(record, "name"))
    return Shown(content_type=_harmless(kind), disposition=f"attachment; {_filename(name)}")


def _harmless(kind: str) -> str:
    return OCTETS if _ACTIVE.search(kind) else kind


def _filename(name: str) -> str:
    """Both forms of RFC 6266: for old readers with what they do not know left out, and whole."""
    plain = _UNQUOTED.sub("_", name)
    return f'filename="{plain}"' if plain == name else f"filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _metadata(text: str) -> Mapping[str, str]:
    """The members that a header can hold."""
    found, size = {}, 0
    for name, value in msgspec.json.decode(text, type=dict[str, object]).items():
        if isinstance(value, str) and _TOKEN.fullmatch(name) and _VISIBLE.fullmatch(value):
            size += len(name) + len(value)
            if size > _METADATA_BYTES:
                break
            found[METADATA_PREFIX + name] = value
    return found
