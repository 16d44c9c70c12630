"""Words in texts, by SQLite's FTS5: every three characters in a row are indexed, so that no language needs blanks."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import product

from adapters.sql.filters import Conditions
from adapters.sql.queries import Prepared
from adapters.sqlite.dialect import SQLITE
from domain.model.collections import Collection
from domain.model.search import EXACT_HITS, FACET_VALUES, SearchQuery

_GRAM = 3  # characters of a word that the index needs to find it
_POSITIONS = "CREATE TABLE IF NOT EXISTS search_positions (collection TEXT PRIMARY KEY, origin TEXT, through INTEGER)"


def schema(collections: Sequence[Collection]) -> list[str]:
    """What the index needs beside the tables of the records: statements that may be repeated."""
    return [_POSITIONS, *[statement for each in collections if each.searchable for statement in _index_of(each)]]


def fingerprint(collections: Sequence[Collection]) -> int:
    """A number of 31 bits that is another one where the schema is; never 0."""
    return zlib.crc32("\n".join(schema(collections)).encode()) & 0x7FFFFFFF or 1


def unmade(collection: Collection) -> Iterator[str]:
    """Statements that take the index of a collection away, whatever it was made like."""
    for event in ("insert", "update"):
        yield f"DROP TRIGGER IF EXISTS `{_words(collection)}_{event}`"
    yield f"DROP TABLE IF EXISTS `{_words(collection)}`"


def emptied(collection: Collection) -> Iterator[str]:
    """Statements that forget every record of a collection."""
    yield f"INSERT INTO `{_words(collection)}` (`{_words(collection)}`) VALUES ('delete-all')"  # noqa: S608  # declared
    yield f"DELETE FROM `{collection.name}`"  # noqa: S608  # declared


class Found:
    """The statements of one search."""

    def __init__(self, collection: Collection, query: SearchQuery) -> None:
        self._collection = collection
        self._query = query

    def page(self) -> Prepared:
        """Rows of key, rank (the best first, and the lowest) and, for highlights, the searchable texts: one more than
        the page holds.
        """
        key, place = f"`{self._collection.key}`", self._query.after
        matching = self._matching()
        texts = self._collection.searchable if self._query.highlight else ()
        shown = ", ".join([key, "score", *(f"`{field.name}`" for field in texts)])
        text, parameters = f"SELECT {shown} {matching.text}", matching.parameters
        if place is not None:
            text += f" AND (score, {key}) > (?, ?)"
            parameters += [-place.score, place.key]
        return Prepared(f"{text} ORDER BY score, {key} LIMIT ?", [*parameters, self._query.limit + 1])

    def total(self) -> Prepared:
        """The number of records that were found, counted to one beyond ``EXACT_HITS``."""
        text, parameters = self._matching()
        return Prepared(f"SELECT count(*) FROM (SELECT 1 {text} LIMIT {EXACT_HITS + 1})", parameters)  # noqa: S608

    def facet(self, field: str) -> Prepared:
        """Rows of a value and its number among what was found."""
        text, parameters = self._matching()
        counted = f"SELECT `{field}`, count(*) {text} AND `{field}` IS NOT NULL GROUP BY 1"
        return Prepared(f"{counted} ORDER BY 2 DESC, 1 LIMIT {FACET_VALUES}", parameters)

    def _matching(self) -> Prepared:
        """From the tables on, up to the conditions."""
        table, words = f"`{self._collection.name}`", f"`{_words(self._collection)}`"
        long = [word for word in self._query.words if len(word) >= _GRAM]
        places, parameters = f"SELECT rowid AS place, 0.0 AS score FROM {table}", []  # noqa: S608  # declared
        if long:
            places = f"SELECT rowid AS place, rank AS score FROM {words} WHERE {words} MATCH ?"  # noqa: S608  # declared
            parameters = [" AND ".join(f'"{word.replace(chr(34), chr(34) * 2)}"' for word in long)]
        conditions = Conditions(self._collection, SQLITE)
        where = [conditions.sql(conditions.visible(self._query.filter))]
        where += [self._has(word, conditions) for word in self._query.words if len(word) < _GRAM]
        text = f"FROM ({places}) CROSS JOIN {table} ON {table}.rowid = place WHERE {' AND '.join(where)}"
        return Prepared(text, [*parameters, *conditions.parameters])

    def _has(self, word: str, conditions: Conditions) -> str:
        """One of the texts has a word that is too short for the index."""
        patterns = ["%" + re.sub(r"([\\%_])", r"\\\1", spelling) + "%" for spelling in _spellings(word)]
        tests = [
            f"`{field.name}` LIKE {conditions.bind(pattern).get_sql()} ESCAPE '\\'"
            for field in self._collection.searchable
            for pattern in patterns
        ]
        return f"({' OR '.join(tests)})"


def _spellings(word: str) -> Iterator[str]:
    """A short word in each case that LIKE, which knows that of ASCII letters alone, would tell apart."""
    return map("".join, product(*map(_cases, word)))


def _cases(char: str) -> Sequence[str]:
    others = () if char.isascii() else (char.lower(), char.upper())
    return list(dict.fromkeys([char, *(other for other in others if other.casefold() == char.casefold())]))


def _words(collection: Collection) -> str:
    return f"words_of_{collection.name}"


def _index_of(collection: Collection) -> Iterator[str]:
    words, table = f"`{_words(collection)}`", f"`{collection.name}`"
    names = [f"`{field.name}`" for field in collection.searchable]
    columns, old, new = (", ".join(f"{of}{name}" for name in names) for of in ("", "old.", "new."))
    taken = f"INSERT INTO {words} (rowid, {columns}) VALUES (new.rowid, {new})"  # noqa: S608  # declared
    left = f"INSERT INTO {words} ({words}, rowid, {columns}) VALUES ('delete', old.rowid, {old})"  # noqa: S608
    yield (
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {words} USING fts5("
        f"{columns}, content={table}, content_rowid=`rowid`, tokenize='trigram')"
    )
    yield (f"CREATE TRIGGER IF NOT EXISTS `{_words(collection)}_insert` AFTER INSERT ON {table} BEGIN {taken}; END")
    yield (
        f"CREATE TRIGGER IF NOT EXISTS `{_words(collection)}_update` AFTER UPDATE OF {columns} ON {table} "
        f"BEGIN {left}; {taken}; END"
    )
