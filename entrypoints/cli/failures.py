"""Exit codes, and failures that end a command with one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

OTHER_KEY = "Show a key that may: --api-key-file FILE, or PERSISTENCE_API_KEY; `persistence keys create` makes one."


class Exit(IntEnum):
    """What the process tells its caller (the numbers above 63 are those of sysexits.h)."""

    OK = 0
    INCOMPLETE = 1  # some of the work is not done: import not acknowledged, service not healthy
    USAGE = 2  # an option or argument that does not exist
    BAD_DATA = 65  # all is done but for records that were refused
    UNREACHABLE = 69  # no service answers at that address
    BROKEN = 70  # serve: an fsync failed or frames are quarantined; elsewhere: a bug
    ROWS_REMAIN = 75  # serve: stopped with acknowledged records in the journal; the next start applies them
    CONFIGURATION = 78  # cannot start: configuration, data folder, address
    INTERRUPTED = 130  # Ctrl-C


class CommandFailed(Exception):
    """One sentence and an exit code."""

    def __init__(self, sentence: str, code: Exit) -> None:
        super().__init__(sentence)
        self.code = code


class Interrupted(Exception):
    """Ctrl-C, with a sentence: what was done, and how to go on."""


@contextmanager
def on_interrupt(sentence: Callable[[], str]) -> Iterator[None]:
    """Say something of one's own when Ctrl-C ends the work. Raises Interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(sentence()) from None
