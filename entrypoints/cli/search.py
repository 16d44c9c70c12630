"""``persistence search``: records by the words in their texts, and the index behind it."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from entrypoints.cli.asking import asked, json_option, print_json
from entrypoints.cli.options import KINDS, url_option
from entrypoints.cli.read import SHOWN, pair, show_records
from entrypoints.cli.saying import say

_PATH = "/api/v1/search"
_REBUILD = "/api/v1/system/search/rebuild"
_kind_option = click.option(
    "--in", "kind", metavar="sessions|tasks", type=click.Choice(("sessions", "tasks")), help="What to search."
)


class _Hit(msgspec.Struct):
    record: dict[str, Any]


class _Hits(msgspec.Struct):
    items: list[_Hit]
    total: int
    total_exact: bool
    next_cursor: str | None = None


class _Filling(msgspec.Struct):
    collections: list[str]


@click.group()
def search() -> None:
    """Find records by the words in their texts; fill the index anew.

    \b
    Example: persistence search find "forgotten password"
    Exit:    see each of the two
    """


@search.command()
@click.argument("words", metavar="WORDS")
@click.argument("filters", metavar="[FIELD=VALUE]...", nargs=-1)
@_kind_option
@click.option(
    "-n", "--page-size", metavar="N", type=click.IntRange(1, 100), default=20, show_default=True, help="Hits."
)
@click.option("--cursor", metavar="CURSOR", help="Go on behind a page; it said where.")
@click.option("--strong", is_flag=True, help="Find what was acknowledged a moment ago too.")
@url_option
@json_option
def find(
    words: str,
    filters: tuple[str, ...],
    kind: str | None,
    page_size: int,
    cursor: str | None,
    url: str,
    *,
    strong: bool,
    as_json: bool,
) -> None:
    """Find records that have every word in their texts.

    Tasks, or with `--in sessions` those, the best first. Filters are those of `persistence query`.

    \b
    Example: persistence search find "forgotten password" status=completed
    Exit:    0 searched, 1 there is no index, or it is being filled,
             2 nothing to look for, or no such filter,
             69 no service answers
    """
    collection = KINDS[kind or "tasks"]
    params = [("q", words), ("collection", collection.name), ("page_size", str(page_size)), *map(pair, filters)]
    params += [("consistency", "strong")] if strong else []
    params += [("cursor", cursor)] if cursor else []
    answer = asked("GET", url, _PATH, params=params)
    page = answer.read(_Hits)
    if as_json:
        return print_json(answer.body)
    shown = SHOWN[collection.envelope]
    if page.items:
        show_records(collection, [{name: hit.record.get(name) for name in shown} for hit in page.items])
    more = f"; go on with --cursor {page.next_cursor}" if page.next_cursor else ""
    return say(
        f"{len(page.items):,} of {page.total:,}{'' if page.total_exact else ' or more'} {collection.envelope}{more}"
    )


@search.command()
@_kind_option
@url_option
@json_option
def rebuild(kind: str | None, url: str, as_json: bool) -> None:
    """Empty the index and fill it from the backend.

    That of sessions, of tasks or of both; it goes on by itself.

    \b
    Example: persistence search rebuild
    Exit:    0 begun, 1 there is no index, 69 no service answers
    """
    params = {"collection": KINDS[kind].name} if kind else {}
    answer = asked("POST", url, _REBUILD, params=params)
    filling = answer.read(_Filling)
    if as_json:
        return print_json(answer.body)
    return say(f"Filling the index of {', '.join(filling.collections)}; `persistence health` shows how far it is.")
