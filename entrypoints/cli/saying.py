"""Sentences for a person, on stderr."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from typing import TextIO

import click

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def say(text: str) -> None:
    """Print sentences that a terminal can only show, whoever wrote them; it folds them between words."""
    lines = [one_line(line) for line in text.splitlines()]
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        lines = [_folded(line, width) for line in lines]
    click.echo("\n".join(lines), err=True)


def give_up(stream: TextIO) -> None:
    """Let a stream take the rest in silence; else the interpreter tries once more at its end, and exits with 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def one_line(text: str) -> str:
    """The text without what moves the cursor, colours the screen or begins a new line."""
    return _CONTROL.sub(" ", text)


def counted(number: int, noun: str) -> str:
    """``1 record``, ``2,000 records``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _folded(line: str, width: int) -> str:
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
