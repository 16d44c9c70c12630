"""Log lines."""

import io
import json
import logging
from datetime import UTC, datetime
from functools import partial
from typing import get_args

import pytest

from adapters.telemetry.logs import KEYS, LEVELS, ForeignLogs, LogObserver
from domain.model.observations import (
    AdministratorActed,
    BatchFlushed,
    JournalBroken,
    LogReplayed,
    Observation,
    RequestFailed,
    RequestServed,
    ServiceStarted,
    ServiceStarting,
)
from domain.model.tracing import CURRENT, Trace

SERVED = RequestServed(method="GET", endpoint="/api/v1/x/{id}", status=200, seconds=0.25, request_id="r-1")


class Disk(io.StringIO):
    """Takes nothing while it is full."""

    is_full = False

    def flush(self):
        if self.is_full:
            raise OSError("no space left on device")


class FixedClock:
    def now(self):
        return datetime(2026, 11, 24, 16, 30, tzinfo=UTC)

    def monotonic(self):
        return 0.0


def lines_of(*observations, **options):
    stream = io.StringIO()
    observer = LogObserver(stream, FixedClock(), **options)
    for observation in observations:
        observer(observation)
    return stream.getvalue().splitlines()


def test_every_observation_has_a_level():
    assert set(LEVELS) == set(get_args(Observation))


def test_a_request_is_one_json_line_with_exactly_the_agreed_keys():
    trace = Trace("a" * 32, "b" * 16)
    served = RequestServed(
        method="POST",
        endpoint="/x",
        status=202,
        seconds=0.5,
        request_id="r",
        user_id="u",
        session_id="s",
        error=None,
        trace=trace,
    )
    (line,) = lines_of(served)
    entry = json.loads(line)
    assert tuple(entry) == KEYS
    assert entry == {
        "timestamp": "2026-11-24T16:30:00.000000Z",
        "level": "info",
        "service": "persistence",
        "instance": None,
        "endpoint": "/x",
        "method": "POST",
        "request_id": "r",
        "user_id": "u",
        "session_id": "s",
        "trace_id": "a" * 32,
        "message": "request_served",
        "meta": {"status": 202, "seconds": 0.5, "principal": None, "error": None},
    }


def test_the_instance_is_named_once_it_is_known():
    replayed = LogReplayed(collection="c", records=0, seconds=0.0)
    lines = lines_of(ServiceStarting(instance=7), replayed, ServiceStarted(url="http://x", instance=7), SERVED)
    assert [json.loads(line)["instance"] for line in lines] == [7, 7, 7]


def test_quiet_levels_drop_what_is_below_them():
    flushed = BatchFlushed(
        collection="c", noun="n", records=1, seconds=0.1, statuses=(), trigger="size", batch_size=1000
    )
    broken = JournalBroken(lane="c", detail="EIO")
    assert len(lines_of(flushed, SERVED, broken, level="debug")) == 3
    assert len(lines_of(flushed, SERVED, broken, level="info")) == 2
    (line,) = lines_of(flushed, SERVED, broken, level="error")
    assert json.loads(line)["level"] == "critical"


def test_what_administrators_do_is_written_however_little_is_wanted():
    acted = AdministratorActed(action="keys.create", subject="k", actor="me")
    (line,) = lines_of(SERVED, acted, level="critical")
    assert json.loads(line)["meta"]["action"] == "keys.create"


def test_it_is_known_whether_the_last_line_was_written():
    disk = Disk()
    logs = LogObserver(disk, FixedClock())
    report = logging.makeLogRecord({"levelno": logging.ERROR, "msg": "text"})
    for write in (partial(logs, SERVED), partial(logs.foreign, report)):
        assert logs.is_kept
        disk.is_full = True
        with pytest.raises(OSError, match="no space left"):
            write()
        assert not logs.is_kept
        disk.is_full = False
        write()
    assert logs.is_kept


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("evil", ["a\nb", "a\r\nb", "\x1b[2Jcleared", "line\u2028break", "\x9b31m", "\udcff"])
def test_text_from_outside_never_breaks_or_colours_a_line(style, evil):
    served = RequestServed(method="GET", endpoint="/x", status=200, seconds=0.1, request_id="r", user_id=evil)
    lines = lines_of(served, style=style)
    assert len(lines) == 1
    assert not any(character in lines[0] for character in "\r\x1b\x9b\udcff")
    if style == "json":
        assert json.loads(lines[0])["user_id"] == evil


def test_a_bug_shows_its_traceback_readably_on_a_terminal_and_in_one_line_elsewhere():
    failed = RequestFailed(method="GET", endpoint="/x", request_id="r", traceback="Traceback\n  deep\nValueError: x")
    assert lines_of(failed, style="console")[1:] == ["Traceback", "  deep", "ValueError: x"]
    (line,) = lines_of(failed, style="json")
    assert json.loads(line)["meta"]["traceback"].splitlines()[-1] == "ValueError: x"


def test_lines_of_other_libraries_take_the_same_form():
    stream = io.StringIO()
    handler = ForeignLogs(LogObserver(stream, FixedClock()))
    try:
        raise OSError("gone")
    except OSError as error:
        record = logging.LogRecord("asyncio", logging.ERROR, __file__, 1, "task %s", ("x",), (OSError, error, None))
    handler.handle(record)
    entry = json.loads(stream.getvalue())
    assert tuple(entry) == KEYS
    assert (entry["level"], entry["meta"]["logger"], entry["meta"]["text"]) == ("error", "asyncio", "task x")
    assert "OSError: gone" in entry["meta"]["traceback"]


def test_what_a_library_says_amid_a_request_has_its_trace():
    stream = io.StringIO()
    handler = ForeignLogs(LogObserver(stream, FixedClock()))
    token = CURRENT.set(Trace("a" * 32, "b" * 16))
    handler.handle(logging.LogRecord("aiohttp", logging.WARNING, __file__, 1, "odd", (), None))
    CURRENT.reset(token)
    handler.handle(logging.LogRecord("asyncio", logging.WARNING, __file__, 1, "odd", (), None))
    assert [json.loads(line)["trace_id"] for line in stream.getvalue().splitlines()] == ["a" * 32, None]


def test_what_a_traceback_quotes_does_nothing_to_a_terminal():
    failed = RequestFailed(method="GET", endpoint="/x", request_id="r", traceback="T\nValueError: \x1b[2Jgone\x9b31m")
    assert lines_of(failed, style="console")[1:] == ["T", "ValueError: \\u001b[2Jgone\\u009b31m"]
