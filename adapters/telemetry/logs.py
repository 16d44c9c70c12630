"""Log lines: one JSON object a line for machines, readable lines for a person at a terminal."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import msgspec
import structlog

from adapters.telemetry.console import ESCAPES, Console
from domain.model.observations import (
    AdministratorActed,
    BackendAbsent,
    BackendLost,
    BackendRegained,
    BatchFlushed,
    BufferLost,
    BufferMeasured,
    CacheAsked,
    CacheFailed,
    CacheLost,
    CacheRegained,
    CertificateRefused,
    CertificateRenewed,
    CollectionPaused,
    ConfigurationReloaded,
    DeadLettersMeasured,
    DeadLettersPurged,
    DeadLettersReplayed,
    DecryptionRefused,
    FlushFailed,
    FlushRecovered,
    FrameQuarantined,
    IssuerLost,
    IssuerRegained,
    JournalBroken,
    KeyStoreLost,
    KeyStoreRegained,
    LaneMeasured,
    LogReplayed,
    ObjectStoreLost,
    ObjectStoreRegained,
    Observation,
    Observed,
    OrphansCollected,
    PartitionLost,
    PartitionTaken,
    QuotasDegraded,
    QuotasShared,
    RecordDeadLettered,
    RecordsAccepted,
    RecordsDiscarded,
    RecordsExpired,
    RecordsRewrapped,
    ReloadRefused,
    RequestFailed,
    RequestServed,
    RequestsLimited,
    RetentionFailed,
    RewrapFailed,
    SearchIndexBehind,
    SearchIndexFilled,
    SearchIndexLost,
    SearchIndexRegained,
    SearchMeasured,
    ServiceStarted,
    ServiceStarting,
    ServiceStopped,
    SpansDropped,
    StorageOperated,
    SweepFailed,
    TornTailCut,
    TracesLost,
    UncleanStart,
    WorkerEnded,
    WorkerStarted,
    WritesConflicted,
)
from domain.model.tracing import CURRENT
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
    RequestsLimited: logging.DEBUG,
    QuotasDegraded: logging.WARNING,
    QuotasShared: logging.INFO,
    RecordsAccepted: logging.DEBUG,
    BufferMeasured: logging.DEBUG,
    BatchFlushed: logging.DEBUG,
    FlushFailed: logging.WARNING,
    FlushRecovered: logging.INFO,
    CollectionPaused: logging.ERROR,
    BackendAbsent: logging.ERROR,
    BackendLost: logging.ERROR,
    BackendRegained: logging.INFO,
    LaneMeasured: logging.DEBUG,
    RecordDeadLettered: logging.WARNING,
    DeadLettersMeasured: logging.DEBUG,
    DeadLettersReplayed: logging.INFO,
    DeadLettersPurged: logging.WARNING,
    RecordsDiscarded: logging.ERROR,
    WritesConflicted: logging.DEBUG,
    RecordsExpired: logging.INFO,
    RetentionFailed: logging.WARNING,
    WorkerStarted: logging.INFO,
    WorkerEnded: logging.ERROR,
    StorageOperated: logging.DEBUG,
    FrameQuarantined: logging.ERROR,
    TornTailCut: logging.WARNING,
    JournalBroken: logging.CRITICAL,
    BufferLost: logging.CRITICAL,
    PartitionTaken: logging.INFO,
    PartitionLost: logging.WARNING,
    LogReplayed: logging.INFO,
    ServiceStarting: logging.DEBUG,
    UncleanStart: logging.WARNING,
    ServiceStarted: logging.INFO,
    ServiceStopped: logging.INFO,
    ObjectStoreLost: logging.ERROR,
    ObjectStoreRegained: logging.INFO,
    OrphansCollected: logging.INFO,
    SweepFailed: logging.WARNING,
    CacheAsked: logging.DEBUG,
    CacheFailed: logging.DEBUG,
    CacheLost: logging.WARNING,
    CacheRegained: logging.INFO,
    SearchIndexLost: logging.ERROR,
    SearchIndexRegained: logging.INFO,
    SearchIndexBehind: logging.ERROR,
    SearchIndexFilled: logging.INFO,
    SearchMeasured: logging.DEBUG,
    CertificateRenewed: logging.INFO,
    CertificateRefused: logging.ERROR,
    DecryptionRefused: logging.ERROR,
    RecordsRewrapped: logging.INFO,
    RewrapFailed: logging.WARNING,
    SpansDropped: logging.DEBUG,
    TracesLost: logging.WARNING,
    ConfigurationReloaded: logging.INFO,
    ReloadRefused: logging.ERROR,
    IssuerLost: logging.ERROR,
    IssuerRegained: logging.INFO,
    KeyStoreLost: logging.ERROR,
    KeyStoreRegained: logging.INFO,
    AdministratorActed: logging.INFO,
}
_ALWAYS = frozenset({AdministratorActed})  # a trail has no holes, however little the log is to say
_EVENTS = {kind: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower() for kind in LEVELS}
_META = {kind: tuple(f for f in kind.__struct_fields__ if f not in {*KEYS, "trace", "links"}) for kind in LEVELS}
_REQUEST = {kind: tuple(f for f in KEYS if f in kind.__struct_fields__) for kind in LEVELS}

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
            wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        ).bind()
        self._console = Console(stream)
        self.is_kept = True  # as an audit trail

    def __call__(self, observation: Observation) -> None:
        """Write one line, if its level is wanted. Raises OSError, or ValueError where the stream is closed."""
        kind = type(observation)
        if isinstance(observation, ServiceStarting):
            self._instance = observation.instance
        if LEVELS[kind] < self._threshold and kind not in _ALWAYS:
            return
        meta = {name: getattr(observation, name) for name in _META[kind]}
        request = {name: getattr(observation, name) for name in _REQUEST[kind]}
        trace_id = observation.trace.trace_id if observation.trace else None
        self._write(LEVELS[kind], _EVENTS[kind], trace_id=trace_id, meta=meta, **request)

    def foreign(self, record: logging.LogRecord) -> None:
        """Write a line of a library that uses the standard ``logging``, if its level is wanted."""
        if record.levelno < self._threshold:
            return
        meta = {"logger": record.name, "text": record.getMessage()}
        if record.exc_info:
            meta["traceback"] = logging.Formatter().formatException(record.exc_info)
        trace = CURRENT.get()
        trace_id = trace.trace_id if trace else None
        self._write(record.levelno, "library_reported", trace_id=trace_id, meta=meta)

    def _write(self, level: int, event: str, **more: Any) -> None:
        self.is_kept = False
        self._log.log(level, event, severity=level, **more)
        self.is_kept = True

    def _json_line(self, _: object, __: str, event: EventDict) -> str:
        envelope = self._envelope(event)
        try:
            line = msgspec.json.encode(envelope, enc_hook=str).decode()
        except UnicodeEncodeError:  # header bytes that are not UTF-8 arrive as lone surrogates
            return json.dumps(envelope, default=str)
        return line if line.isascii() else line.translate(ESCAPES)

    def _console_line(self, _: object, __: str, event: EventDict) -> str:
        return self._console.draw(self._envelope(event))

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
