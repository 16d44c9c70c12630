"""Faults in single records, in words that name the place and the cure."""

from __future__ import annotations

import re

from domain.errors import ItemError
from domain.model.collections import Collection

MAX_ERRORS = 100
_AT = re.compile(r"(.*) - at `\$(.*)`", re.DOTALL)
_NAMED = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)


def fault(index: int, field: str, code: str, detail: str) -> ItemError:
    """A fault of record ``index``, in a field or (empty) in the whole record."""
    pointer = f"/{index}/{_escape(field)}" if field else f"/{index}"
    return ItemError(pointer=pointer, code=code, detail=detail)


def explain(collection: Collection, index: int, error: Exception) -> ItemError:
    """What the decoder's exception means for record ``index``."""
    text = str(error)
    located = _AT.fullmatch(text)
    message, path = located.groups() if located else (text, "")
    named = _NAMED.fullmatch(message)
    if named is None:
        field = path.lstrip(".").split("[")[0]
        declared = collection.by_name.get(field)
        known = f" (one of: {', '.join(declared.choices)})" if declared and declared.choices else ""
        return fault(index, field, "invalid_value", f"`{field}`: {message}{known}." if field else f"{message}.")
    problem, field = named.groups()
    if problem == "contains unknown":
        return fault(index, field, "unknown_field", f"`{field[:100]}` is not a field of this collection.")
    detail = f"`{field}` is missing. Records are whole; to change single fields of a stored record, use PATCH."
    return fault(index, field, "missing_field", detail)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
