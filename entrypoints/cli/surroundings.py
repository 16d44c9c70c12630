"""What the process finds itself in: its streams and its signals."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path
from types import FrameType


def settle_in() -> None:
    """A closed stream takes everything silently; whatever ends the process does so by way of every ``finally``."""
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  (for as long as the process lives)
    sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # stored text that the terminal's encoding does not have
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _interrupt)


def _interrupt(_: int, frame: FrameType | None) -> None:
    """Do as Ctrl-C does at this moment."""
    handler = signal.getsignal(signal.SIGINT)
    (handler if callable(handler) else signal.default_int_handler)(signal.SIGINT, frame)
