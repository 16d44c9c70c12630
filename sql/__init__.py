"""Schema and migrations, as SQL a DBA can read: one folder per database, one DDL statement per file.

A migration is named ``NNNN_expand_what.sql`` (runs before the code that needs it) or ``NNNN_contract_what.sql`` (runs
after the last code that does not). Files are only ever added: their checksums are kept in the database.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"(\d{4})_(expand|contract)_[a-z0-9_]+\.sql")


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One forward step of a schema."""

    number: int  # from 1, without a gap
    name: str  # the file's name
    statement: str  # one DDL statement

    @property
    def checksum(self) -> str:
        """SHA-256 of the statement, hexadecimal."""
        return hashlib.sha256(self.statement.encode()).hexdigest()


@cache
def migrations(database: str) -> tuple[Migration, ...]:
    """The steps of ``database`` (a folder of this package), in order.

    Raises ValueError where a file has no proper name or number: a fault of the package, not of its use.
    """
    texts = {f.name: f.read_text("utf-8") for f in files(__name__).joinpath(database, "migrations").iterdir()}
    steps = []
    for expected, name in enumerate(sorted(texts), start=1):
        match = _NAME.fullmatch(name)
        if match is None or int(match[1]) != expected:
            raise ValueError(f"{database}/migrations/{name} should be named {expected:04}_expand_... or _contract_...")
        steps.append(Migration(number=expected, name=name, statement=texts[name]))
    return tuple(steps)


def schema(database: str) -> str:
    """The whole current schema of ``database``, for reading; equal to the sum of its migrations."""
    return files(__name__).joinpath(database, "schema.sql").read_text("utf-8")
