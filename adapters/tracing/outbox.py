"""Spans on their way to the collector: bounded in number and in time, and whoever makes them waits for nothing."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

MOST_WAITING = 8192  # spans; further ones are dropped
_PORTION = 512  # spans in one call of the collector
_PAUSE_SECONDS = 1.0  # between calls while few spans come
_LIBRARY = logging.getLogger("opentelemetry")
_MOST_CHARACTERS = 300

Loss = Callable[[int, str], None]  # told how many spans are lost, and why; from any thread


class Outbox(SpanProcessor):
    """Hands spans to an exporter in a thread of its own. The library's own processor does not tell what it drops."""

    def __init__(self, exporter: SpanExporter, on_loss: Loss) -> None:
        self._exporter = exporter
        self._on_loss = on_loss
        self._waiting: deque[ReadableSpan] = deque()
        self._dropped = 0  # since the start
        self._told = 0  # of them
        self._awake = threading.Event()
        self._ending = threading.Event()
        self._given_up = threading.Event()
        self._reasons = _Reasons()
        self._thread = threading.Thread(target=self._run, name="tracing", daemon=True)

    def start(self) -> None:
        """Send from here on."""
        _LIBRARY.addHandler(self._reasons)
        _LIBRARY.propagate = False  # what it says is told by ``on_loss``
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span. Never blocks."""
        if self._ending.is_set() or len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        self._waiting.append(span)
        if len(self._waiting) >= _PORTION and not self._awake.is_set():
            self._awake.set()

    def stop(self, seconds: float) -> None:
        """Send what waits, for so long; what is left then is lost."""
        self._ending.set()
        self._awake.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        self._given_up.set()
        self._exporter.shutdown()
        self._dropped += len(self._waiting)
        self._tell("the service has stopped before the collector took them")
        _LIBRARY.removeHandler(self._reasons)

    def probe(self) -> str | None:
        """Why the collector takes nothing; None where it takes what is sent."""
        return self._failure([])

    def _run(self) -> None:
        while not self._ending.is_set():
            self._awake.wait(_PAUSE_SECONDS)
            self._awake.clear()
            self._send(len(self._waiting))
        self._send(len(self._waiting))

    def _send(self, count: int) -> None:
        """What waited when this began: a collector that is slow does not keep this from being told of what is lost."""
        self._tell(f"more than {MOST_WAITING} spans waited for the collector")
        while count > 0 and self._waiting and not self._given_up.is_set():
            portion = [self._waiting.popleft() for _ in range(min(_PORTION, len(self._waiting)))]
            count -= len(portion)
            reason = self._failure(portion)
            if reason is not None:
                self._on_loss(len(portion), reason)

    def _failure(self, portion: list[ReadableSpan]) -> str | None:
        """Why the collector has not taken a portion; None where it has."""
        self._reasons.clear()
        try:
            taken = self._exporter.export(portion) is SpanExportResult.SUCCESS
        except Exception as error:  # nothing that a library does may end this thread
            return f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS]
        return None if taken else self._reasons.text

    def _tell(self, reason: str) -> None:
        dropped, self._told = self._dropped - self._told, self._dropped
        if dropped:
            self._on_loss(dropped, reason)


class _Reasons(logging.Handler):
    """What the library says while it fails."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: list[str] = []

    @property
    def text(self) -> str:
        """In one line."""
        return "; ".join(dict.fromkeys(self._said))[:_MOST_CHARACTERS] or "the library does not say why"

    def clear(self) -> None:
        """Forget it."""
        self._said.clear()

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one line: the cause alone where an error is told."""
        told = record.args if isinstance(record.args, tuple) else ()
        causes = [_cause(each) for each in told if isinstance(each, Exception)]
        self._said.append((causes or [record.getMessage()])[0][:_MOST_CHARACTERS])


def _cause(error: BaseException) -> str:
    """What is at the bottom of an error, without the wrappings of requests and urllib3."""
    inner = getattr(error, "reason", None) or error.__cause__ or next(iter(error.args), None)
    if isinstance(inner, BaseException):
        return _cause(inner)
    return getattr(error, "strerror", None) or str(error)
