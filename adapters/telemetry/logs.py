"""Log lines: one JSON object a line for machines, readable lines for a person at a terminal."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import msgspec
import structlog

from domain.model.observations import (
    BatchFlushed,
    BufferMeasured,
    CollectionPaused,
    FlushFailed,
    FrameQuarantined,
    JournalBroken,
    LogReplayed,
    Observation,
    Observed,
    RecordDeadLettered,
    RecordsAccepted,
    RecordsDiscarded,
    RequestFailed,
    RequestServed,
    ServiceStarted,
    ServiceStarting,
    ServiceStopped,
    StorageOperated,
    TornTailCut,
)
from ports.ambient import Clock

KEYS = (
    "timestamp",
    "level",
    "service",
    "instance",
    "endpoint",
    "method",
    "request_id",
    "user_id",
    "session_id",
    "trace_id",
    "message",
    "meta",
)
LEVELS: Mapping[type[Observed], int] = {
    RequestServed: logging.INFO,
    RequestFailed: logging.ERROR,
    RecordsAccepted: logging.DEBUG,
    BufferMeasured: logging.DEBUG,
    BatchFlushed: logging.DEBUG,
    FlushFailed: logging.WARNING,
    CollectionPaused: logging.ERROR,
    RecordDeadLettered: logging.WARNING,
    RecordsDiscarded: logging.ERROR,
    StorageOperated: logging.DEBUG,
    FrameQuarantined: logging.ERROR,
    TornTailCut: logging.WARNING,
    JournalBroken: logging.CRITICAL,
    LogReplayed: logging.INFO,
    ServiceStarting: logging.DEBUG,
    ServiceStarted: logging.INFO,
    ServiceStopped: logging.INFO,
}
_EVENTS = {kind: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower() for kind in LEVELS}
_META = {kind: tuple(f for f in kind.__struct_fields__ if f not in {*KEYS, "trace"}) for kind in LEVELS}
_CONTROLS = (*range(32), *range(127, 160), 0x2028, 0x2029)
_PRINTABLE = {code: f"\\u{code:04x}" for code in _CONTROLS}

EventDict = structlog.typing.EventDict


class LogObserver:
    """The observer that writes; what it writes is decided by type in ``LEVELS``."""

    def __init__(
        self,
        stream: TextIO,
        clock: Clock,
        *,
        style: Literal["json", "console"] = "json",
        level: str = "info",
        service: str = "persistence",
    ) -> None:
        self._clock = clock
        self._service = service
        self._instance: int | None = None  # known when the service has read its number
        self._threshold = logging.getLevelNamesMapping()[level.upper()]
        self._log = structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=[self._console_line if style == "console" else self._json_line],
            wrapper_class=structlog.make_filtering_bound_logger(self._threshold),
            cache_logger_on_first_use=True,
        )
        self._console = structlog.dev.ConsoleRenderer(
            colors=style == "console" and stream.isatty(), pad_event_to=18, sort_keys=False
        )

    def __call__(self, observation: Observation) -> None:
        """Write one line, if its level is wanted."""
        kind = type(observation)
        if isinstance(observation, ServiceStarting):
            self._instance = observation.instance
        if LEVELS[kind] < self._threshold:
            return
        meta = {name: getattr(observation, name) for name in _META[kind]}
        request = {name: getattr(observation, name) for name in KEYS if hasattr(observation, name)}
        trace_id = observation.trace.trace_id if observation.trace else None
        self._log.log(LEVELS[kind], _EVENTS[kind], trace_id=trace_id, meta=meta, severity=LEVELS[kind], **request)

    def foreign(self, record: logging.LogRecord) -> None:
        """Write a line of a library that uses the standard ``logging``."""
        meta = {"logger": record.name, "text": record.getMessage()}
        if record.exc_info:
            meta["traceback"] = logging.Formatter().formatException(record.exc_info)
        self._log.log(record.levelno, "library_reported", meta=meta, severity=record.levelno)

    def _json_line(self, _: object, __: str, event: EventDict) -> str:
        envelope = self._envelope(event)
        try:
            line = msgspec.json.encode(envelope, enc_hook=str).decode()
        except UnicodeEncodeError:  # header bytes that are not UTF-8 arrive as lone surrogates
            return json.dumps(envelope, default=str)
        return line if line.isascii() else line.translate(_PRINTABLE)

    def _console_line(self, logger: Any, name: str, event: EventDict) -> str:  # structlog's signature
        envelope = self._envelope(event)
        meta = envelope.pop("meta")
        traceback = meta.pop("traceback", None)
        line: EventDict = {
            "timestamp": envelope["timestamp"][11:23],
            "level": envelope["level"],
            "event": envelope["message"],
            **{key: envelope[key] for key in ("method", "endpoint")},
            **meta,
            **{key: envelope[key] for key in ("user_id", "session_id", "request_id")},
        }
        shown = {key: _plain(value) for key, value in line.items() if value is not None}
        rendered = str(self._console(logger, name, shown))
        return rendered if traceback is None else f"{rendered}\n{_plain_lines(traceback)}"

    def _envelope(self, event: EventDict) -> dict[str, Any]:  # a log line is JSON: any value
        line = dict.fromkeys(KEYS) | {key: event[key] for key in KEYS if key in event}
        line["timestamp"] = self._clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        line["level"] = logging.getLevelName(event["severity"]).lower()
        line["service"] = self._service
        line["instance"] = self._instance
        line["message"] = event["event"]
        return line


class ForeignLogs(logging.Handler):
    """The bridge from the standard ``logging`` (asyncio, aiohttp) into the same stream and form."""

    def __init__(self, observer: LogObserver, level: int = logging.WARNING) -> None:
        super().__init__(level)
        self._observer = observer

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on; logging never raises."""
        try:
            self._observer.foreign(record)
        except Exception:
            self.handleError(record)


def _plain(value: object) -> object:
    """Text that cannot move the cursor, colour the screen or start a line of its own."""
    if isinstance(value, str):
        return value.translate(_PRINTABLE).encode(errors="backslashreplace").decode()
    return f"{value:.6f}" if isinstance(value, float) else value


def _plain_lines(text: str) -> str:
    return "\n".join(line.translate(_PRINTABLE) for line in text.splitlines())
