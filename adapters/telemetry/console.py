"""Log lines for a person at a terminal: short, folded between words, and harmless whatever is in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TextIO

_CONTROLS = (*range(32), *range(127, 160), 0x2028, 0x2029)
ESCAPES = {code: f"\\u{code:04x}" for code in _CONTROLS}
_INDENT = " " * len("16:30:00 ")
_RESET, _BOLD, _DIM, _RED, _GREEN, _YELLOW = (f"\x1b[{code}m" for code in (0, 1, 2, 31, 32, 33))
_LEVELS = {"debug": _DIM, "warning": _YELLOW, "error": _RED, "critical": _RED}
_STATUSES = {"4": _YELLOW, "5": _RED}
_FAILED = 400  # from here on a status tells of a problem
_LEAST_COLUMNS = 40
_PRINCIPAL = 32  # characters: a key's id whole, and of a token's subject the beginning

Word = tuple[str, str]  # what is never cut, and its colour ("" is none)


def printable(text: str) -> str:
    """The text with everything escaped that could move the cursor, colour the screen or begin a line of its own."""
    return text.translate(ESCAPES).encode(errors="backslashreplace").decode()


class Console:
    """Draws the members of a log line as text of as many lines as the terminal's width asks for."""

    def __init__(self, stream: TextIO) -> None:
        """``stream``: where the text goes; only a terminal gets colours and folded lines."""
        self._stream = stream
        self._terminal = stream.isatty()

    def draw(self, line: Mapping[str, Any]) -> str:  # a log line: any value
        """The text, without a line break at its end."""
        meta = dict(line["meta"])
        traceback = meta.pop("traceback", None)
        served = line["message"] == "request_served"
        words = [(line["timestamp"][11:19], _DIM), *(_served(line, meta) if served else _event(line, meta))]
        text = self._fold([(printable(word), colour) for word, colour in words])
        return text if traceback is None else "\n".join((text, *map(printable, traceback.splitlines())))

    def _fold(self, words: Sequence[Word]) -> str:
        """The words, on a new and indented line where the terminal's has no room for the next one."""
        columns = self._columns()
        text, used = "", 0
        for word, colour in words:
            if used and columns and used + 1 + len(word) > columns:
                text, used = f"{text}\n{_INDENT}", len(_INDENT)
            elif used:
                text, used = f"{text} ", used + 1
            text += f"{colour}{word}{_RESET}" if colour and self._terminal else word
            used += len(word)
        return text

    def _columns(self) -> int:
        """The terminal's width now; 0 where lines are never folded."""
        if not self._terminal:
            return 0
        try:
            return max(_LEAST_COLUMNS, os.get_terminal_size(self._stream.fileno()).columns)
        except OSError:
            return 0


def _served(line: Mapping[str, Any], meta: Mapping[str, Any]) -> Iterator[Word]:
    """An answered request: what matters in the order in which a person asks for it."""
    status = str(meta["status"])
    yield f"{line['method']:<6}", _BOLD
    yield status, _STATUSES.get(status[0], _GREEN)
    yield f"{1000 * meta['seconds']:>6.1f} ms", _DIM
    yield (line["endpoint"] or "-").replace("{session_id}", line["session_id"] or "{session_id}"), ""
    if meta["error"] or meta["status"] >= _FAILED:
        yield meta["error"] or "failed", _STATUSES.get(status[0], "")
        yield f"request_id={line['request_id']}", _DIM
    if meta["principal"]:
        yield _beginning(meta["principal"]), _DIM
    if line["user_id"]:
        yield f"user_id={line['user_id']}", _DIM


def _event(line: Mapping[str, Any], meta: Mapping[str, Any]) -> Iterator[Word]:
    """Anything else: its name, and what is known about it."""
    if line["level"] in _LEVELS:
        yield line["level"], _LEVELS[line["level"]]
    yield line["message"], _BOLD
    known = chain(
        ((key, line[key]) for key in ("method", "endpoint")),
        meta.items(),
        ((key, line[key]) for key in ("user_id", "session_id", "request_id")),
    )
    for key, value in known:
        if value is not None:
            for place, word in enumerate(_shown(value).split(" ")):
                yield (word if place else f"{key}={word}"), ""


def _beginning(principal: str) -> str:
    return principal if len(principal) <= _PRINCIPAL else f"{principal[: _PRINCIPAL - 3]}..."


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6f}"
    text = str(value)
    return f'"{text}"' if isinstance(value, str) and " " in text else text
