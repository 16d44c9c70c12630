"""One page of a list whose order no server keeps: few of the records that pass by are held."""

from __future__ import annotations

from collections.abc import Iterable

from domain.errors import InvalidParameter
from domain.model.collections import Collection
from domain.model.matching import behind, ranked
from domain.model.query import Query
from domain.model.records import Record

PAGE_CHARACTERS = 64 * 1024 * 1024  # of text that a page, and the pages before it, may hold in memory
_ROOM = 1000  # records that are held beyond what a page needs, before they are ranked again


class Page:
    """Records are added in any order; those that the page begins behind, and its own, stay."""

    def __init__(self, collection: Collection, query: Query) -> None:
        self._collection = collection
        self._query = query
        self._follows = behind(collection, query.sort, query.after) if query.after is not None else None
        self._need = query.offset + query.limit + 1  # one more tells whether there are more
        self._kept: list[Record] = []
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Whether no further record belongs to the page, where they are added in its order."""
        return len(self._kept) >= self._need

    def add(self, records: Iterable[Record]) -> None:
        """Take records that match. Raises InvalidParameter, naming ``page_size``, where they are too large."""
        taken = records if self._follows is None else filter(self._follows, records)
        for record in taken:
            self._kept.append(record)
            self._size += _characters(record)
        if len(self._kept) > self._need + _ROOM or self._size > PAGE_CHARACTERS:
            self._narrow()

    def cut(self) -> tuple[tuple[Record, ...], bool]:
        """The page, and whether a record follows it."""
        rest = ranked(self._collection, self._query.sort, self._kept)[self._query.offset : self._need]
        return tuple(rest[: self._query.limit]), len(rest) > self._query.limit

    def _narrow(self) -> None:
        self._kept = ranked(self._collection, self._query.sort, self._kept)[: self._need]
        self._size = sum(map(_characters, self._kept))
        if self._size > PAGE_CHARACTERS:
            raise InvalidParameter(
                f"`page_size`: the records up to the end of this page hold more than {PAGE_CHARACTERS} characters; ask "
                "for fewer at once, and go on by `cursor`."
            )


def _characters(record: Record) -> int:
    return sum(len(value) for value in record.values if type(value) is str)
