#!/usr/bin/env python3
"""Import sessions or tasks from a CSV file, as a spreadsheet or `persistence export` writes it.

The first row names the fields, in any order; an empty cell is left out, `metadata` is JSON. Each record goes out on the
line that it begins on in the CSV file, so that a row which the service refuses is named by its line there; the others
are taken. Importing a file again is harmless where it has `updated_at`.

Usage: csv_to_ndjson.py tasks.csv | persistence import -        needs Python alone
"""

import csv
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

NOT_TEXT = {"priority": int, "retry_count": int, "total_tasks": int, "metadata": json.loads}


def convert(reader: Any, write: Callable[[str], object]) -> None:
    """Write as many lines as are read. Raises csv.Error."""
    names = next(reader, [])
    if not {"task_id", "session_id"} & set(names) or len(set(names)) < len(names):
        raise csv.Error("the first row must name the fields, each once, with task_id or session_id among them")
    behind = reader.line_num
    write("\n" * behind)
    for cells in reader:  # a row may go over several lines
        write(json.dumps(record(names, cells)) if cells else "")
        write("\n" * (reader.line_num - behind))
        behind = reader.line_num


def record(names: list[str], cells: list[str]) -> dict[str, object]:
    """Cells that are not what their field wants, or have no name, go along as text: the service will say so."""
    found: dict[str, object] = {}
    for name, cell in zip_longest(names, cells, fillvalue=""):
        if cell:
            found[name or "column without a name"] = cell
            with suppress(ValueError, RecursionError, KeyError):
                found[name] = NOT_TEXT[name](cell)
    return found


def main(path: str) -> None:
    """Convert one file; what cannot be read ends it with a sentence that says where."""
    csv.field_size_limit(2**31 - 1)
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            try:
                convert(reader, sys.stdout.write)
            except (csv.Error, UnicodeDecodeError) as fault:
                sys.exit(f"{path}: nothing behind line {reader.line_num} can be read: {fault}")
    except OSError as fault:
        sys.exit(f"{path}: {fault.strerror}")


if __name__ == "__main__":
    main(sys.argv[1]) if len(sys.argv) == 2 else sys.exit(__doc__)
