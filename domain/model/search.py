"""Finding records by the words in their texts: what is asked, and what is found."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from domain.errors import InvalidCursor, InvalidParameter
from domain.model.collections import Collection, Field, FieldType
from domain.model.query import EVERYTHING, Filter

MAX_SEARCH_CHARS = 1_000  # of what is looked for
MAX_WORDS = 32
MAX_HITS = 100  # of one page
EXACT_HITS = 10_000  # that are counted
MAX_FACETS = 5  # fields whose values are counted
FACET_VALUES = 50  # of one field, the commonest first
_FACET_CHARS = 255  # the longest values that are worth counting


class Place(NamedTuple):
    """Where a hit stands in the order of a search: the best score first, then by key."""

    score: float
    key: str


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A checked search: every word must be in one of a record's searchable texts, whatever its case."""

    words: tuple[str, ...]  # at least one
    filter: Filter = EVERYTHING  # that must hold besides
    limit: int = 20  # 1..MAX_HITS
    after: Place | None = None  # the last hit of the page before
    facets: tuple[str, ...] = ()  # fields whose values are counted over all hits
    highlight: bool = False


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was found."""

    key: str
    score: float  # greater is better; comparable within one search
    highlights: Mapping[str, str] = {}  # by field: a part of the text as HTML, its words in <mark>

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.score, self.key)


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """One page of hits."""

    hits: tuple[Hit, ...]
    total: int  # records that were found; counting stops behind ``EXACT_HITS``
    total_exact: bool
    more: bool  # whether a hit follows the last one
    facets: Mapping[str, Mapping[str, int]] = {}  # by field: numbers by value, the commonest first
    whole: bool = True  # False: the index is known to lack records, by another instance that fills it too


class IndexPosition(msgspec.Struct, frozen=True):
    """How far an index has followed a lane of the pending log."""

    origin: str  # whose log it is: numbers of another one say nothing
    through: int | None  # sequence of the last record; None: some before it are missing, and the log has them no more


def words_of(text: str) -> tuple[str, ...]:
    """What is to be found: parts between blanks, without the punctuation around them.

    Raises InvalidParameter where there is nothing to look for, or too much.
    """
    if len(text) > MAX_SEARCH_CHARS:
        raise InvalidParameter(f"`q` has {len(text)} characters; a search takes at most {MAX_SEARCH_CHARS}.")
    if "\0" in text:
        raise InvalidParameter("`q` has a NUL character, which no text has.")
    words = tuple(dict.fromkeys(filter(None, map(_bare, text.split()))))
    if not words:
        raise InvalidParameter("`q` has no letter and no digit to look for; there are no wildcards.")
    if len(words) > MAX_WORDS:
        raise InvalidParameter(f"`q` has {len(words)} words; a search takes at most {MAX_WORDS}.")
    return words


def facet_of(collection: Collection, name: str) -> Field:
    """A field whose values can be counted. Raises InvalidParameter, listing those that can."""
    known = {field.name: field for field in collection.fields if _is_countable(field)}
    if name not in known:
        raise InvalidParameter(f"`facets`: `{name[:80]}` cannot be counted; there are: {', '.join(known)}.")
    return known[name]


def encode_place(collection: Collection, query: SearchQuery, place: Place) -> str:
    """The opaque base64url text of a place in the result of this search."""
    content = msgspec.json.encode((_seal(collection, query, place), place.score, place.key))
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode_place(collection: Collection, query: SearchQuery, text: str) -> Place:
    """Read a cursor that was given for the same search. Raises InvalidCursor."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        _, score, key = msgspec.json.decode(content, type=tuple[str, float, str])
    except (binascii.Error, msgspec.MsgspecError, ValueError) as error:
        raise InvalidCursor("The cursor is not one that this service gave.") from error
    place = Place(score, key)
    if not math.isfinite(score) or encode_place(collection, query, place) != text:
        raise InvalidCursor("The cursor was edited, or belongs to another search.")
    return place


def _bare(word: str) -> str:
    ends = [place for place, char in enumerate(word) if unicodedata.category(char)[0] not in "PCZ"]
    bare = word[ends[0] : ends[-1] + 1] if ends else ""
    return bare if any(map(str.isalnum, bare)) else ""


def _is_countable(field: Field) -> bool:
    short = field.type is FieldType.TEXT and (field.max_chars or _FACET_CHARS + 1) <= _FACET_CHARS
    return field.type in (FieldType.CHOICE, FieldType.IDENTIFIER) or (short and not field.searchable)


def _seal(collection: Collection, query: SearchQuery, place: Place) -> str:
    """Binds a cursor to its search and to its own content: a slip is found, who forges one gains nothing."""
    content = msgspec.json.encode((collection.name, query.words, query.filter, place))
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()[:9]).decode()
