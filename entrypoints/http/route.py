"""One address of the service: what it does, and for whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from domain.model.access import Right
from entrypoints.http.call import Call

Handler = Callable[[Call], Awaitable[web.StreamResponse]]
_FOR_OPERATORS = ("/metrics", "/docs", "/docs/{file}", "/openapi.json")
ELSEWHERE = "/{elsewhere}"  # stands for every address that no route has
RESERVED = ("batch", "query", "aggregate", "export")  # words of the API, which win over a record's id


class Route(msgspec.Struct, frozen=True):
    """One row: GET also answers HEAD."""

    method: str
    template: str
    handler: Handler
    right: Right | None  # that a caller needs
    collection: str | None = None  # whose records it is about; without one, reads and writes are judged by the handler
    also: str | None = None  # another collection whose records it shows
    is_open: bool = False  # to callers without a credential
    is_disclosing: bool = False  # shows what was refused, or many records at once
    reserved: tuple[str, ...] = RESERVED  # words that are no ids here

    @property
    def is_audited(self) -> bool:
        """Whether each request is told of, with who asked and what came of it.

        What changes the service itself, and what takes records out of it as no client does day by day.
        """
        return self.is_disclosing or (self.right is Right.ADMIN and self.method != "GET")

    @property
    def is_for_operators(self) -> bool:
        """Whether it is served by the administrators' listener alone, where there is one."""
        return self.right is Right.ADMIN or self.template in _FOR_OPERATORS

    @property
    def pattern(self) -> str:
        """The router's pattern: an id is anything but a reserved word."""
        free = f":(?!(?:{'|'.join(self.reserved)})(?:/|\\Z))[^/]+"
        return self.template.replace("_id}", f"_id{free}}}")
