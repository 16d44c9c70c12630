"""Export: every record of a collection out of a running service, page by page in key order."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from domain.model.collections import Collection
from domain.model.query import MAX_PAGE_SIZE
from entrypoints.client.http import Client
from entrypoints.client.records import PATHS

_UNFIT = 400


class _Page(msgspec.Struct, frozen=True):
    """The part of a list that an export needs; records stay as the text that came."""

    items: list[msgspec.Raw]
    next_cursor: str | None = None
    total: int | None = None


class Download:
    """One run over a collection; ``pages`` holds one page in memory at a time."""

    def __init__(self, client: Client, collection: Collection) -> None:
        self.total: int | None = None  # as the first page tells it
        self._client = client
        self._path = PATHS[collection.envelope]
        self._params = {
            "page_size": str(MAX_PAGE_SIZE),
            "sort_by": collection.key,
            "order": "asc",
            "fields": ",".join(field.name for field in collection.sent_fields),  # what can be sent again, all of it
        }

    async def pages(self) -> AsyncIterator[list[bytes]]:
        """The records as JSON objects without a line break, in key order; all that was acknowledged before the call.

        Raises ServiceUnreachable.
        """
        page = await self._page({"consistency": "strong"})
        self.total = page.total
        while True:
            yield [_one_line(item) for item in page.items]
            if page.next_cursor is None:
                return
            page = await self._page({"cursor": page.next_cursor})

    async def _page(self, more: dict[str, str]) -> _Page:
        answer = await self._client.request("GET", self._path, params=self._params | more)
        while answer.status == _UNFIT and (size := int(self._params["page_size"])) > 1:
            self._params["page_size"] = str(size // 2)  # a page of large records may be more than an answer holds
            answer = await self._client.request("GET", self._path, params=self._params | more)
        if not answer.ok:
            raise answer.refusal
        return answer.read(_Page)


def _one_line(item: msgspec.Raw) -> bytes:
    """Objects come as they were once sent; a line break in one stands between JSON tokens, never inside a text."""
    return bytes(item).replace(b"\n", b" ").replace(b"\r", b" ")
