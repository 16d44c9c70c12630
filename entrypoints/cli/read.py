"""``persistence query``, ``get``, ``receipts``, ``recovery``: records of a running service on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import click
import msgspec

from domain.model.collections import Collection, FieldType
from domain.model.translation import SESSIONS, TASKS
from entrypoints.cli.asking import asked, json_option, print_json
from entrypoints.cli.failures import Exit
from entrypoints.cli.options import url_option
from entrypoints.cli.tables import print_table, report_lines

KINDS = {collection.envelope: collection for collection in (SESSIONS, TASKS)}
kind_argument = click.argument("kind", metavar="sessions|tasks", type=click.Choice([*KINDS]))
_ROOT = "/api/v1/translation"
_SHOWN = {
    "sessions": ("session_id", "status", "target_lang", "total_tasks", "name"),
    "tasks": ("task_id", "status", "target_lang", "source_text", "translated_text"),
}
Row = dict[str, Any]  # a JSON object of the service's


class _Page(msgspec.Struct):
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


class _Restored(msgspec.Struct):
    session: Row
    statistics: Row
    restored_at: str
    tasks: list[Row]


@click.command(short_help="List sessions or tasks, filtered and sorted.")
@kind_argument
@click.argument("filters", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option("--sort", "sort_by", metavar="FIELD[,FIELD]", help="Sort by these fields.")
@click.option("--order", metavar="asc|desc", help="Direction; one for each field of --sort, or one for all.")
@click.option("--fields", metavar="FIELD[,FIELD]", help="Show these fields.")
@click.option("-n", "--page-size", type=click.IntRange(1, 1000), default=20, show_default=True, help="Records a page.")
@click.option("--page", type=click.IntRange(1), help="Which page.")
@click.option("--cursor", help="Go on behind a page; it said where.")
@click.option("--count", metavar="exact|estimated|none", help="How to count all that match.")
@click.option("--strong", is_flag=True, help="Show what was acknowledged a moment ago too.")
@url_option
@json_option
def query(
    kind: str, filters: tuple[str, ...], url: str, as_json: bool, strong: bool, **options: str | int | None
) -> None:
    """List sessions or tasks. Filters are those of the API: FIELD=VALUE or FIELD__OP=VALUE with
    eq ne lt lte gt gte in nin contains prefix isnull between; from_date and to_date too.

    \b
    Example: persistence query tasks status=pending source_text__contains=word
    Exit:    0 listed, 2 no such field, operator or value
    """
    params = [*map(_pair, filters), *((name, str(value)) for name, value in options.items() if value is not None)]
    names = {name for name, _ in params}
    if strong:
        params.append(("consistency", "strong"))
    if not as_json and "fields" not in names:
        params.append(("fields", ",".join(_SHOWN[kind])))
    answer = asked("GET", url, f"{_ROOT}/{kind}", params=params)
    page = answer.read(_Page)
    if as_json:
        print_json(answer.body)
    else:
        _show(KINDS[kind], page)


@click.command(short_help="Show one session or task.")
@kind_argument
@click.argument("key", metavar="ID")
@url_option
@json_option
def get(kind: str, key: str, url: str, as_json: bool) -> None:
    """Show one session, with the progress of its tasks, or one task: what was acknowledged, flushed or not.

    \b
    Example: persistence get sessions s1
    Exit:    0 shown, 1 there is none
    """
    answer = asked("GET", url, f"{_ROOT}/{kind}/{segment(key)}")
    record = answer.read(Row)
    if as_json:
        print_json(answer.body)
    else:
        click.echo("\n".join(report_lines(record)))


@click.command(short_help="Show what became of an acknowledged batch.")
@click.argument("receipt")
@url_option
@json_option
def receipts(receipt: str, url: str, as_json: bool) -> int:
    """Show what became of the batch that a receipt was given for.

    \b
    Example: persistence receipts 58.translation_tasks.1.1-2
    Exit:    0 all stored, 1 pending, lost or unknown,
             65 stored but for the records that are named
    """
    answer = asked("GET", url, f"/api/v1/receipts/{segment(receipt)}")
    found = answer.read(_Receipt)
    if as_json:
        print_json(answer.body)
    else:
        click.echo("\n".join(report_lines({"receipt": found.receipt, "state": found.state, "records": found.count})))
        if found.exceptions:
            rows = [(e.index, e.key, e.verdict, e.problem.get("detail")) for e in found.exceptions]
            print_table(("index", "key", "verdict", "reason"), rows, texts=("reason",), whole=True)
    if found.state != "applied":
        return Exit.INCOMPLETE
    return Exit.BAD_DATA if found.exceptions else Exit.OK


@click.group(short_help="Find interrupted sessions, and get one back.")
def recovery() -> None:
    """Find interrupted sessions, and get one back with all its unfinished tasks."""


@recovery.command(name="list", short_help="List sessions that are not finished.")
@click.option("-n", "--page-size", type=click.IntRange(1, 1000), default=20, show_default=True, help="Records a page.")
@click.option("--page", type=click.IntRange(1), default=1, help="Which page.")
@url_option
@json_option
def list_incomplete(page_size: int, page: int, url: str, as_json: bool) -> None:
    """List sessions that are pending or processing.

    \b
    Example: persistence recovery list
    """
    params = {"page_size": str(page_size), "page": str(page)}
    answer = asked("GET", url, f"{_ROOT}/recovery/incomplete-sessions", params=params)
    found = answer.read(_Page)
    if as_json:
        return print_json(answer.body)
    rows = [{name: item.get(name) for name in _SHOWN["sessions"]} for item in found.items]
    return _show(SESSIONS, msgspec.structs.replace(found, items=rows))


@recovery.command(short_help="Get a session back with all its unfinished tasks.")
@click.argument("session_id", metavar="ID")
@url_option
@json_option
def restore(session_id: str, url: str, as_json: bool) -> None:
    """Get a session back: how far it is, and every task that is not finished, acknowledged a moment ago or not.

    \b
    Example: persistence recovery restore s1 --json
    Exit:    0 restored, 1 there is no such session
    """
    answer = asked("POST", url, f"{_ROOT}/recovery/restore/{segment(session_id)}")
    found = answer.read(_Restored)
    if as_json:
        return print_json(answer.body)
    head = {"session": session_id, "status": found.session.get("status"), "restored_at": found.restored_at}
    click.echo("\n".join(report_lines({**head, "tasks": found.statistics, "unfinished": len(found.tasks)})))
    if found.tasks:
        rows = [{name: task.get(name) for name in _SHOWN["tasks"][:-1]} for task in found.tasks]
        _table(TASKS, rows)
    return None


def segment(text: str) -> str:
    """An id as one step of an address. Raises BadParameter where it cannot be one."""
    if text in ("", ".", "..") or not _is_text(text):
        raise click.BadParameter(f"{text!r} is not an id.")
    return quote(text, safe="")


def _is_text(text: str) -> bool:
    """Whether an argument was UTF-8: what was not arrives in surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not _is_text(text):
        raise click.BadParameter(f"{text!r} is not like status=pending or source_text__contains=password.")
    return name, value


def _show(collection: Collection, page: _Page) -> None:
    """A page and, for the person only, how to go on."""
    if not page.items:
        click.echo(f"No {collection.envelope} match.", err=True)
        return
    _table(collection, page.items)
    about = "" if page.total_exact else "about "
    of = f" of {about}{page.total:,}" if page.total is not None else ""
    onward = f"--page {page.page + 1}" if page.page else f"--cursor {page.next_cursor}"
    more = f"; go on with {onward}" if page.next_cursor else ""
    click.echo(f"{len(page.items):,}{of} {collection.envelope}{more}", err=True)


def _table(collection: Collection, items: Sequence[Row]) -> None:
    wide = [field.name for field in collection.fields if field.type in (FieldType.TEXT, FieldType.OBJECT)]
    texts = [name for name in wide if not name.endswith("_lang")]
    columns = list(items[0])
    print_table(columns, [[item.get(name) for name in columns] for item in items], texts=texts)
