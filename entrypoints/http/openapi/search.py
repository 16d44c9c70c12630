"""What a search takes and answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from domain.model.built_in import BUILT_IN
from domain.model.search import EXACT_HITS, FACET_VALUES, MAX_FACETS, MAX_HITS, MAX_SEARCH_CHARS, MAX_WORDS
from domain.model.translation import TASKS
from entrypoints.http.handlers.search import PAGE_SIZE
from entrypoints.http.openapi.parameters import query
from entrypoints.http.openapi.shapes import Count, Shape

_INDEXED = [collection.name for collection in BUILT_IN if collection.searchable]


class Hit(Shape, frozen=True, kw_only=True):
    """A record that was found, as it is by now."""

    score: Annotated[float, Meta(description="Greater is better; comparable within one search.")]
    record: dict[str, Any]
    highlights: (
        Annotated[dict[str, str], Meta(description="By field: a part of the text as HTML, its words in `<mark>`.")]
        | UnsetType
    ) = UNSET


class SearchPage(Shape, frozen=True, kw_only=True):
    """A page of hits, the best first."""

    items: list[Hit]
    page_size: Count
    total: Annotated[int, Meta(ge=0, description=f"Records that were found, counted up to {EXACT_HITS}.")]
    total_exact: bool
    next_cursor: str | None
    facets: (
        Annotated[
            dict[str, dict[str, Count]],
            Meta(description=f"By field: its {FACET_VALUES} commonest values among all hits, with their numbers."),
        ]
        | UnsetType
    ) = UNSET


class Rebuilding(Shape, frozen=True, kw_only=True):
    """Indexes that are filled anew."""

    status: Literal["filling"]
    collections: list[str]


REBUILT = query("collection", {"type": "string"}, "The collection whose index is filled anew; all by default.")
PARAMETERS = (
    {
        **query(
            "q",
            {"type": "string", "minLength": 1, "maxLength": MAX_SEARCH_CHARS},
            f"At most {MAX_WORDS} words, parted by blanks, that must all be in a record's texts, whatever their case; "
            "a word is found as a part of others, too. There are no wildcards.",
        ),
        "required": True,
        "example": "hello",
    },
    query("collection", {"type": "string", "enum": _INDEXED, "default": TASKS.name}, "What is searched."),
    query(
        "highlight",
        {"type": "string", "enum": ["false", "true"], "default": "false"},
        "`true` shows where the words are.",
    ),
    query(
        "facets",
        {"type": "string"},
        f"At most {MAX_FACETS} fields, parted by commas, whose values are counted over all hits.",
    ),
    query(
        "page_size",
        {"type": "integer", "minimum": 1, "maximum": MAX_HITS, "default": PAGE_SIZE},
        "How many hits a page has at most.",
    ),
    query("cursor", {"type": "string"}, "`next_cursor` of the page before, with the same words and filter."),
    query("from_date", {"type": "string"}, "Created at this time or later."),
    query("to_date", {"type": "string"}, "Created before this time; a bare date includes that day."),
    query(
        "consistency",
        {"type": "string", "enum": ["eventual", "strong"], "default": "eventual"},
        "`strong` also finds what is acknowledged and not indexed yet.",
    ),
    {
        "name": "filter",
        "in": "query",
        "description": "Fields of the collection, as lists take them: `field=value` or `field__operator=value`.",
        "style": "form",
        "explode": True,
        "schema": {"type": "object", "properties": {"status": {"type": "string"}}, "additionalProperties": False},
    },
)
