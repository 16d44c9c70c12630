"""Values for a person: tables that fit the terminal, and JSON objects as indented lines."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Literal

import click
import msgspec

from entrypoints.cli.saying import one_line

_WORDS = {True: "yes", False: "no"}
_UNBOUNDED = 100_000  # columns where no terminal cuts: a pipe gets every cell whole
_GAP = 2  # columns between two of a table
_NONE: Mapping[str, int] = {}
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
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    texts: Sequence[str] = (),
    whole: bool = False,
    narrowest: Mapping[str, int] = _NONE,
    spare: Sequence[str] = (),
) -> None:
    """Draw rows under their column names; the columns in ``texts`` give way first where the terminal is narrow.

    ``whole``: they are continued on the next line instead of cut; ``narrowest`` says of some how far. Where that is not
    enough, those in ``spare`` are left out, the first one first.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else _UNBOUNDED)
    cells = {name: [plain(row[place]) for row in rows] for place, name in enumerate(columns)}
    widths = _widths(cells, narrowest, spare, console.width) if narrowest else dict.fromkeys(columns)
    overflow: Literal["fold", "ellipsis"] = "fold" if whole else "ellipsis"
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
    for name, width in widths.items():
        place = columns.index(name)
        numbers = bool(rows) and all(type(row[place]) is int for row in rows)
        justify: Literal["right", "left"] = "right" if numbers else "left"
        table.add_column(name, justify=justify, no_wrap=name not in texts, overflow=overflow, width=width)
    for row in zip(*(cells[name] for name in widths), strict=True):
        table.add_row(*(Text(cell, no_wrap=not whole, overflow=overflow) for cell in row))
    with console.capture() as drawn:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def _widths(
    cells: Mapping[str, Sequence[str]], narrowest: Mapping[str, int], spare: Sequence[str], room: int
) -> dict[str, int]:
    """The columns that are drawn, and how wide: of those that can give way the widest does, as far as it has to."""
    from rich.cells import cell_len

    wide = {name: max(map(cell_len, (name, *column))) for name, column in cells.items()}
    least = {name: min(width, narrowest.get(name, width)) for name, width in wide.items()}
    for name in spare:
        if _together(least) > room:
            del wide[name], least[name]
    while _together(wide) > room and (giving := [name for name in wide if wide[name] > least[name]]):
        wide[max(giving, key=wide.__getitem__)] -= 1
    return wide


def _together(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)


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
