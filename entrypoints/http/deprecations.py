"""What is on its way out: still taken, with the day from which it is not (RFC 9745, RFC 8594).

How long that is, and what needs a new version of the API instead, is said in ``ops/docs/versions.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any, TypeAlias, TypeVar

import msgspec
from aiohttp import web

from entrypoints.http.parameters import Pairs

T = TypeVar("T")
PAGE = "/docs"
_Record = dict[str, msgspec.Raw]
_RECORD = msgspec.json.Decoder(_Record)
_RECORDS = msgspec.json.Decoder(list[_Record])
_BATCH = msgspec.json.Decoder(dict[str, list[_Record]])
_QUESTION = msgspec.json.Decoder(dict[str, Any])  # Any: a tree, which is judged when its names are those of today
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_NAMING = ("sort_by", "fields", "group_by")  # parameters whose values are names of fields


class Deprecation(msgspec.Struct, frozen=True, kw_only=True):
    """Something that should not be used any more."""

    since: date
    until: date  # from that day it may be gone
    instead: str  # what takes its place


Used: TypeAlias = list[Deprecation]
FORMER_FIELDS: Mapping[str, Mapping[str, Deprecation]] = {}
"""Fields that had another name, by collection and by that name; none of this version had one."""


class FormerNames:
    """Exchanges former names of a collection's fields for those of today, wherever a request may say one.

    A record or a filter that says both is left as it is, and refused for the former one. What cannot be read is left
    for those who say why. ``used`` is told what was exchanged.
    """

    def __init__(self, fields: Mapping[str, Deprecation]) -> None:
        self._fields = fields
        names = b"|".join(re.escape(name.encode()) for name in fields)
        self._told = re.compile(rb'"(?:%s)"' % names) if fields else None

    def in_parameters(self, pairs: Pairs, used: Used) -> Pairs:
        """Parameters of a list: filters, and the values of those that name fields."""
        if not self._fields:
            return pairs
        given = {name for name, _ in pairs}
        return [self._pair(name, value, given, used) for name, value in pairs]

    def in_batch(self, body: bytes, used: Used) -> bytes:
        """The records in an envelope."""
        return self._exchanged(
            body, _BATCH, lambda batch: {name: self._all(records, used) for name, records in batch.items()}
        )

    def in_lines(self, records: bytes, used: Used) -> bytes:
        """An array of records."""
        return self._exchanged(records, _RECORDS, lambda records: self._all(records, used))

    def in_record(self, body: bytes, used: Used) -> bytes:
        """One record, or a patch of one."""
        return self._exchanged(body, _RECORD, lambda record: self._members(record, used))

    def in_question(self, body: bytes, used: Used) -> bytes:
        """A query in a body: its tree of conditions, its order, its fields."""
        return self._exchanged(body, _QUESTION, lambda question: self._question(question, used))

    def _exchanged(self, body: bytes, decoder: msgspec.json.Decoder[T], exchange: Callable[[T], object]) -> bytes:
        if self._told is None or not self._told.search(body):
            return body
        try:
            return msgspec.json.encode(exchange(decoder.decode(body)))
        except _UNREADABLE:
            return body

    def _all(self, records: Sequence[_Record], used: Used) -> list[_Record]:
        return [self._members(record, used) for record in records]

    def _members(self, members: Mapping[str, T], used: Used) -> dict[str, T]:
        return {self._today(name, members, used): value for name, value in members.items()}

    def _question(self, question: Mapping[str, Any], used: Used) -> dict[str, Any]:
        changed = dict(question)
        for name in _NAMING:
            if isinstance(names := question.get(name), list):
                changed[name] = [self._today(each, (), used) if isinstance(each, str) else each for each in names]
        if "filter" in question:
            changed["filter"] = self._tree(question["filter"], used)
        return changed

    def _tree(self, node: Any, used: Used) -> Any:
        if not isinstance(node, dict):
            return node
        tree = self._members(node, used)
        for name in ("and", "or"):
            if isinstance(terms := tree.get(name), list):
                tree[name] = [self._tree(each, used) for each in terms]
        if "not" in tree:
            tree["not"] = self._tree(tree["not"], used)
        return tree

    def _pair(self, name: str, value: str, given: Container[str], used: Used) -> tuple[str, str]:
        if name in _NAMING:
            return name, ",".join(self._today(each, (), used) for each in value.split(","))
        field, separator, operator = name.partition("__")
        return self._today(field, given, used) + separator + operator, value

    def _today(self, name: str, beside: Container[str], used: Used) -> str:
        found = self._fields.get(name)
        if found is None or found.instead in beside:
            return name
        if found not in used:
            used.append(found)
        return found.instead


def tell(response: web.StreamResponse, deprecated: Sequence[Deprecation]) -> None:
    """Say in an answer what its request should not use any more, and until when it may."""
    if not deprecated:
        return
    since, until = (_instant(min(getattr(each, name) for each in deprecated)) for name in ("since", "until"))
    response.headers["Deprecation"] = f"@{int(since.timestamp())}"
    response.headers["Sunset"] = format_datetime(until, usegmt=True)
    response.headers.add("Link", f'<{PAGE}>; rel="deprecation"; type="text/html"')


def _instant(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
