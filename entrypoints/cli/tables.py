"""Values for a person: tables that fit the terminal, and JSON objects as indented lines."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence

import click
import msgspec

from entrypoints.cli.saying import one_line

_WORDS = {True: "yes", False: "no"}
_UNBOUNDED = 100_000  # columns where no terminal cuts: a pipe gets every cell whole
_NAME_COLUMNS = 25  # of a report, before the values
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")


def plain(value: object) -> str:
    """A value as one line of text that a terminal can only print: stored text must not command it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping | list):
        value = msgspec.json.encode(value).decode()
    text = one_line(str(value))
    found = _INSTANT.fullmatch(text)
    return f"{found[1]} {found[2]}" if found else text


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, texts: Sequence[str] = (), whole: bool = False
) -> None:
    """Draw rows under their column names; the columns in ``texts`` give way first where the terminal is narrow.

    ``whole``: they are continued on the next line instead of cut.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for place, name in enumerate(columns):
        numbers = bool(rows) and all(type(row[place]) is int for row in rows)
        justify = "right" if numbers else "left"
        table.add_column(name, justify=justify, no_wrap=name not in texts, overflow="ellipsis")  # type: ignore[arg-type]  # a literal of two
    for row in rows:
        table.add_row(*(Text(plain(cell), no_wrap=not whole, overflow="ellipsis") for cell in row))
    console = Console(width=None if sys.stdout.isatty() else _UNBOUNDED)
    with console.capture() as drawn:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def print_report(value: object) -> None:
    """Print a JSON object as indented lines; a terminal gets long values folded under their beginning."""
    lines = report_lines(value)
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        lines = [textwrap.fill(line, width, subsequent_indent=" " * _NAME_COLUMNS) for line in lines]
    click.echo("\n".join(lines))


def report_lines(value: object, indent: str = "") -> list[str]:
    """A JSON object as indented lines for a person."""
    lines: list[str] = []
    for key, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, Mapping) and item:
            lines += [f"{indent}{key}", *report_lines(item, indent + "  ")]
        else:
            lines.append(f"{indent}{key:<{max(1, _NAME_COLUMNS - 1 - len(indent))}} {plain(item)}")
    return lines
