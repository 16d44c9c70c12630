"""What a program gets for each problem: recorded from a tested request where one can be made, else drawn up."""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec

from domain.errors import PersistenceError
from entrypoints.http.errors import summary
from entrypoints.http.wire import Document


def example_of(kind: type[PersistenceError]) -> Document:
    """A problem document of that kind."""
    return recorded().get(kind.code) or summary(kind()) | {"cure": kind.cure}


@functools.cache
def recorded() -> dict[str, Document]:
    """Problem documents by their codes."""
    found: dict[str, Document] = msgspec.json.decode(Path(__file__).with_name("problems.json").read_bytes())
    return found
