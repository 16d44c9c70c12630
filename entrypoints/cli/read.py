"""``persistence query``, ``get``, ``receipts``: records of a running service on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import click
import msgspec

from domain.model.collections import Collection, FieldType
from entrypoints.cli.asking import asked, json_option, print_json
from entrypoints.cli.failures import Exit
from entrypoints.cli.options import KINDS, kind_argument, page_size_option, url_option
from entrypoints.cli.tables import print_report, print_table
from entrypoints.client.failures import NotTheService
from entrypoints.client.records import PATHS

SHOWN = {
    "sessions": ("session_id", "status", "target_lang", "total_tasks", "name"),
    "tasks": ("task_id", "status", "target_lang", "source_text", "translated_text"),
    "users": ("user_id", "name", "created_at", "updated_at"),
    "logs": ("created_at", "level", "service", "message"),
}
Row = dict[str, Any]  # a JSON object of the service's


class Page(msgspec.Struct):
    """A list."""

    items: list[Row]
    page: int | None = None
    total: int | None = None
    total_exact: bool = True
    next_cursor: str | None = None


class _Exception(msgspec.Struct):
    index: int
    key: str
    verdict: str
    problem: dict[str, str]


class _Receipt(msgspec.Struct):
    receipt: str
    state: str
    count: int
    exceptions: list[_Exception]


@click.command()
@kind_argument
@click.argument("filters", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option("--sort", "sort_by", metavar="FIELD[,FIELD]", help="Sort by these fields.")
@click.option("--order", metavar="asc|desc", help="Direction; one for each field of --sort, or one for all.")
@click.option("--fields", metavar="FIELD[,FIELD]", help="Show these fields.")
@page_size_option
@click.option("--page", metavar="N", type=click.IntRange(1), help="Which page.")
@click.option("--cursor", metavar="CURSOR", help="Go on behind a page; it said where.")
@click.option("--count", metavar="exact|estimated|none", help="How to count all that match.")
@click.option("--strong", is_flag=True, help="Show what was acknowledged a moment ago too.")
@url_option
@json_option
def query(
    kind: str, filters: tuple[str, ...], url: str, as_json: bool, strong: bool, **options: str | int | None
) -> None:
    """List sessions, tasks, users or logs, filtered and sorted.

    Filters are those of the API: FIELD=VALUE or FIELD__OP=VALUE with eq ne lt lte gt gte in nin contains prefix isnull
    between; from_date and to_date too.

    \b
    Example: persistence query tasks status=pending source_text__contains=word
    Exit:    0 listed, 2 no such field, operator or value,
             69 no service answers
    """
    params = [*map(pair, filters), *((name, str(value)) for name, value in options.items() if value is not None)]
    names = {name for name, _ in params}
    if strong:
        params.append(("consistency", "strong"))
    if not as_json and "fields" not in names:
        params.append(("fields", ",".join(SHOWN[kind])))
    answer = asked("GET", url, PATHS[kind], params=params)
    page = answer.read(Page)
    if as_json:
        print_json(answer.body)
    else:
        show_page(KINDS[kind], page)


@click.command()
@kind_argument
@click.argument("key", metavar="ID")
@url_option
@json_option
def get(kind: str, key: str, url: str, as_json: bool) -> None:
    """Show one session, with the progress of its tasks, one task, user or log: what was acknowledged, flushed or not.

    \b
    Example: persistence get sessions s1
    Exit:    0 shown, 1 there is none, 69 no service answers
    """
    answer = asked("GET", url, f"{PATHS[kind]}/{segment(key)}")
    record = answer.read(Row)
    if KINDS[kind].key not in record:
        raise NotTheService(answer.url)
    if as_json:
        print_json(answer.body)
    else:
        tasks = {"tasks": shown_progress(record["tasks"])} if "tasks" in record else {}
        print_report(record | tasks)


@click.command()
@click.argument("receipt", metavar="RECEIPT")
@url_option
@json_option
def receipts(receipt: str, url: str, as_json: bool) -> int:
    """Show what became of the batch that a receipt was given for.

    \b
    Example: persistence receipts 58.translation_tasks.1.1-2
    Exit:    0 all stored, 1 pending, lost or unknown,
             65 stored but for the records that are named,
             69 no service answers
    """
    answer = asked("GET", url, f"/api/v1/receipts/{segment(receipt)}")
    found = answer.read(_Receipt)
    if as_json:
        print_json(answer.body)
    else:
        print_report({"receipt": found.receipt, "state": found.state, "records": found.count})
        if found.exceptions:
            rows = [(e.index, e.key, e.verdict, e.problem.get("detail")) for e in found.exceptions]
            print_table(("index", "key", "verdict", "reason"), rows, texts=("reason",), whole=True)
    if found.state != "applied":
        return Exit.INCOMPLETE
    return Exit.BAD_DATA if found.exceptions else Exit.OK


def segment(text: str) -> str:
    """An id as one step of an address. Raises BadParameter where it cannot be one."""
    if text in ("", ".", "..") or not _is_text(text):
        raise click.BadParameter(f"{text!r} is not an id.")
    return quote(text, safe="")


def _is_text(text: str) -> bool:
    """Whether an argument was UTF-8: what was not arrives in surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def pair(text: str) -> tuple[str, str]:
    """``NAME=VALUE`` as two texts. Raises BadParameter."""
    name, equals, value = text.partition("=")
    if not equals or not name or not _is_text(text):
        raise click.BadParameter(f"{text!r} is not like status=pending or source_text__contains=password.")
    return name, value


def shown_progress(progress: Row) -> Row:
    """How far a session is, for a person: what waits in the journal is not called as a status is."""
    return {{"pending": "waiting"}.get(name, name): value for name, value in progress.items()}


def show_page(collection: Collection, page: Page) -> None:
    """A page and, for the person only, how to go on."""
    if not page.items:
        click.echo(f"No {collection.envelope} match.", err=True)
        return
    show_records(collection, page.items)
    about = "" if page.total_exact else "about "
    of = f" of {about}{page.total:,}" if page.total is not None else ""
    onward = f"--page {page.page + 1}" if page.page else f"--cursor {page.next_cursor}"
    more = f"; go on with {onward}" if page.next_cursor else ""
    click.echo(f"{len(page.items):,}{of} {collection.envelope}{more}", err=True)


def show_records(collection: Collection, items: Sequence[Row]) -> None:
    """Records as a table of the fields that the first one has."""
    wide = [field.name for field in collection.fields if field.type in (FieldType.TEXT, FieldType.OBJECT)]
    texts = [name for name in wide if not name.endswith("_lang")]
    columns = list(items[0])
    print_table(columns, [[item.get(name) for name in columns] for item in items], texts=texts)
