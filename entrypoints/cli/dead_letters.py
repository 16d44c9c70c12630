"""``persistence dead-letters``: records that a backend refused, and what shall become of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from entrypoints.cli.asking import asked, json_option, print_json
from entrypoints.cli.failures import Exit
from entrypoints.cli.options import KINDS, page_size_option, url_option
from entrypoints.cli.read import segment
from entrypoints.cli.saying import counted, say
from entrypoints.cli.tables import print_report, print_table

F = TypeVar("F", bound=Callable[..., Any])  # any command function
_PATH = "/api/v1/system/dead-letters"
_COLUMNS = ("id", "key", "failed_at", "code", "detail")
_SECONDS = 30.0  # to wait for what becomes of a page of replays
Params = dict[str, str]


class _Cause(msgspec.Struct):
    collection: str
    code: str
    count: int


class _Page(msgspec.Struct):
    items: list[dict[str, Any]]
    causes: list[_Cause]
    total: int
    full: bool
    next_cursor: str | None = None


class _Replayed(msgspec.Struct):
    """One replay; ``new_id`` where the record was refused again."""

    id: str
    verdict: str
    receipt: str
    new_id: str | None = None
    problem: dict[str, Any] | None = None


class _Swept(msgspec.Struct):
    replayed: int
    verdicts: dict[str, int]
    kept: int
    before: str
    next_cursor: str | None = None


class _Purged(msgspec.Struct):
    purged: int


def filter_options(function: F) -> F:
    """What chooses letters."""
    kind = click.Choice(KINDS)
    for option in (
        click.option("--before", metavar="TIME", help="Only those that failed before, as 2026-11-24T16:30:00Z."),
        click.option("--key", metavar="ID", help="Only those of this record."),
        click.option("--code", metavar="CODE", help="Only those with this cause."),
        click.option("--collection", metavar="sessions|tasks", type=kind, help="Only those of this collection."),
    ):
        function = option(function)
    return function


@click.group(name="dead-letters")
def dead_letters() -> None:
    """See records that their backend refused; replay or purge them.

    \b
    Example: persistence dead-letters list
    Exit:    see each of the four
    """


@dead_letters.command(name="list")
@filter_options
@page_size_option
@click.option("--cursor", metavar="CURSOR", help="Go on behind a page; it said where.")
@url_option
@json_option
def list_letters(page_size: int, cursor: str | None, url: str, as_json: bool, **chosen: str | None) -> None:
    """List dead letters, and count them by cause.

    \b
    Example: persistence dead-letters list --code record_refused
    Exit:    0 listed, 2 no such filter, 69 no service answers
    """
    params = _filters(chosen) | {"page_size": str(page_size)} | ({"cursor": cursor} if cursor else {})
    answer = asked("GET", url, _PATH, params=params)
    page = answer.read(_Page)
    if as_json:
        return print_json(answer.body)
    if page.items:
        print_table(_COLUMNS, [[item.get(name) for name in _COLUMNS] for item in page.items], texts=("detail",))
    causes = ", ".join(f"{cause.count:,} {cause.code} of {cause.collection}" for cause in page.causes)
    onward = f"; go on with --cursor {page.next_cursor}" if page.next_cursor else ""
    full = " They are full: their collections wait." if page.full else ""
    say(f"{len(page.items):,} of {page.total:,} dead letters ({causes or 'none'}){onward}.{full}")
    return None


@dead_letters.command()
@click.argument("letter_id", metavar="ID")
@url_option
@json_option
def show(letter_id: str, url: str, as_json: bool) -> None:
    """Show one dead letter with its record as it was received.

    \b
    Example: persistence dead-letters show translation_tasks.17.913018532726
    Exit:    0 shown, 1 there is none, 69 no service answers
    """
    answer = asked("GET", url, f"{_PATH}/{segment(letter_id)}")
    letter = answer.read(dict[str, Any])
    if as_json:
        print_json(answer.body)
    else:
        print_report(letter)


@dead_letters.command()
@click.argument("letter_id", metavar="[ID]", required=False)
@click.option("--record", metavar="FILE", type=click.File("rb"), help="Send this JSON record in its place; - is stdin.")
@filter_options
@click.option("--all", "everything", is_flag=True, help="Replay every letter.")
@url_option
@json_option
def replay(letter_id: str | None, record: Any, everything: bool, url: str, as_json: bool, **chosen: str | None) -> int:
    """Take refused records again, in the version that they had: one, those of a cause, or all.

    A letter is gone when its record is in the journal again. What is refused again is a new letter; what was written
    since is not undone (the verdict is stale).

    \b
    Example: persistence dead-letters replay --code record_refused
    Exit:    0 all stored or stale, 1 some wait or could not be replayed,
             2 no such filter or a bad record, 65 some were refused again,
             69 no service answers
    """
    params = _chosen(letter_id, chosen, everything=everything)
    if letter_id is None:
        if record is not None:
            raise click.UsageError("--record takes the place of one letter; name its ID.")
        return _sweep(url, params, as_json=as_json)
    body = record.read() if record is not None else None
    answer = asked("POST", url, f"{_PATH}/{segment(letter_id)}/replay", body=body)
    done = answer.read(_Replayed)
    if as_json:
        print_json(answer.body)
    else:
        _tell(done)
    return _exit({done.verdict: 1}, 0)


@dead_letters.command()
@click.argument("letter_id", metavar="[ID]", required=False)
@filter_options
@click.option("--all", "everything", is_flag=True, help="Purge every letter.")
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@url_option
@json_option
def purge(letter_id: str | None, everything: bool, yes: bool, url: str, as_json: bool, **chosen: str | None) -> None:
    """Forget refused records for good: one, those of a cause, or all.

    \b
    Example: persistence dead-letters purge --before 2026-11-01
    Exit:    0 purged, 1 there is none of this id, 2 no such filter,
             69 no service answers, 130 not meant
    """
    params = _chosen(letter_id, chosen, everything=everything)
    what = letter_id or ("every dead letter" if everything else "these dead letters")
    if not yes:
        click.confirm(f"Forget {what} at {url} for good?", abort=True, err=True)
    if letter_id is not None:
        asked("DELETE", url, f"{_PATH}/{segment(letter_id)}")
        purged = 1
    else:
        purged = asked("DELETE", url, _PATH, params=params, timeout=300).read(_Purged).purged
    if as_json:
        return print_json(msgspec.json.encode({"purged": purged}))
    return click.echo(f"Purged: {counted(purged, 'dead letter')}.")


def _sweep(url: str, params: Params, *, as_json: bool) -> int:
    """Page after page of those that were there at the beginning; what is refused again waits for another call."""
    verdicts: Counter[str] = Counter()
    kept = 0
    onward: Params = {"timeout": f"{_SECONDS:g}"}
    while True:
        found = asked("POST", url, f"{_PATH}/replay", params=params | onward, timeout=_SECONDS + 30).read(_Swept)
        verdicts.update(found.verdicts)
        kept += found.kept
        if found.next_cursor is None:
            break
        params = {name: value for name, value in params.items() if name != "all"}
        onward |= {"cursor": found.next_cursor, "before": found.before}
    if as_json:
        print_json(msgspec.json.encode({"replayed": verdicts.total(), "verdicts": dict(verdicts), "kept": kept}))
    else:
        split = ", ".join(f"{number:,} {verdict}" for verdict, number in sorted(verdicts.items()))
        stay = f"; {kept:,} stay, which today's rules refuse or of which nothing is left" if kept else ""
        click.echo(f"Replayed: {counted(verdicts.total(), 'dead letter')}{f' ({split})' if split else ''}{stay}.")
    return _exit(verdicts, kept)


def _tell(done: _Replayed) -> None:
    report: dict[str, object] = {"id": done.id, "verdict": done.verdict, "receipt": done.receipt}
    if done.new_id is not None:
        report["new_id"] = done.new_id
    if done.problem is not None:
        report["reason"] = done.problem.get("detail")
    print_report(report)


def _exit(verdicts: dict[str, int], kept: int) -> int:
    if verdicts.get("pending") or kept:
        return Exit.INCOMPLETE
    good = {"stored", "superseded", "stale"}
    return Exit.OK if set(verdicts) <= good else Exit.BAD_DATA


def _filters(chosen: dict[str, str | None]) -> Params:
    params = {name: value for name, value in chosen.items() if value is not None}
    if "collection" in params:
        params["collection"] = KINDS[params["collection"]].name
    return params


def _chosen(letter_id: str | None, chosen: dict[str, str | None], *, everything: bool) -> Params:
    """The filter of a command that changes something. Raises UsageError where it is not said what is meant."""
    params = _filters(chosen)
    if (letter_id is not None) + bool(params) + everything != 1:
        raise click.UsageError("Say which: an ID, or a filter, or --all.")
    return {"all": "true"} if everything else params
