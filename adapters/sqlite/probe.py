"""What opening a database file would find."""

from __future__ import annotations

import os
from pathlib import Path

from domain.errors import DataFolderUnusable
from ports.probing import Outlook

_MAGIC = b"SQLite format 3\x00"


def look(path: Path) -> Outlook:
    """Judge a database file without touching it. Raises DataFolderUnusable."""
    try:
        return _look(path)
    except OSError as error:
        raise DataFolderUnusable(f"{path} cannot be written: {error.strerror or error}.") from error


def _look(path: Path) -> Outlook:
    if not path.exists():
        existing = next(folder for folder in path.parents if folder.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise DataFolderUnusable(f"{path} cannot be made: {existing} is no folder that can be written.")
        return Outlook(f"{path} will be made", is_new=True)
    with path.open("r+b") as file:
        magic = file.read(len(_MAGIC))
    if magic not in (b"", _MAGIC):
        raise DataFolderUnusable(f"{path} is not a SQLite database.")
    return Outlook(f"SQLite, {path}")
