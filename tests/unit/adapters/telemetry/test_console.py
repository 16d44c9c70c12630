"""Log lines for a person."""

import fcntl
import io
import os
import re
import struct
import termios

import msgspec
import pytest

from adapters.telemetry.logs import LogObserver
from domain.model.observations import FlushFailed, LogReplayed, RequestServed, ServiceStarted
from tests.unit.adapters.telemetry.test_logs import FixedClock

SERVED = RequestServed(method="GET", endpoint="/api/v1/x/{id}", status=200, seconds=0.25, request_id="r-1")
REFUSED = msgspec.structs.replace(SERVED, status=404, seconds=0.0004, error="record_not_found")
FAILED = FlushFailed(
    collection="translation_tasks", error="backend_unavailable", detail="no one answers", attempt=3, retry_in_seconds=1
)


def lines_of(*observations):
    stream = io.StringIO()
    observer = LogObserver(stream, FixedClock(), style="console")
    for observation in observations:
        observer(observation)
    return stream.getvalue().splitlines()


def on_a_terminal(columns, *observations):
    """What arrives on a real terminal of so many columns."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w") as stream, os.fdopen(ours, "rb", buffering=0) as screen:
        observer = LogObserver(stream, FixedClock(), style="console")
        for observation in observations:
            observer(observation)
        stream.flush()
        return screen.read(65536).decode().replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize(
    ("observation", "line"),
    [
        (SERVED, "16:30:00 GET    200  250.0 ms /api/v1/x/{id}"),
        (REFUSED, "16:30:00 GET    404    0.4 ms /api/v1/x/{id} record_not_found request_id=r-1"),
        (
            msgspec.structs.replace(SERVED, endpoint="/s/{session_id}", session_id="s1", user_id="u"),
            "16:30:00 GET    200  250.0 ms /s/s1 user_id=u",
        ),
        (
            msgspec.structs.replace(SERVED, principal="key:k3yxbmxy4zq2mfrw"),
            "16:30:00 GET    200  250.0 ms /api/v1/x/{id} key:k3yxbmxy4zq2mfrw",
        ),
        (
            msgspec.structs.replace(SERVED, principal="token:sso/" + "s" * 90),
            "16:30:00 GET    200  250.0 ms /api/v1/x/{id} token:sso/sssssssssssssssssss...",
        ),
        (ServiceStarted(url="http://x", instance=7), "16:30:00 service_started url=http://x"),
        (
            LogReplayed(collection="c", records=0, seconds=6.5e-05),
            "16:30:00 log_replayed collection=c records=0 seconds=0.000065",
        ),
        (
            FAILED,
            "16:30:00 warning flush_failed collection=translation_tasks error=backend_unavailable "
            'detail="no one answers" attempt=3 retry_in_seconds=1',
        ),
    ],
)
def test_a_line_says_what_matters_in_the_order_in_which_a_person_asks(observation, line):
    assert lines_of(observation) == [line]


def test_an_answer_to_what_has_no_address_is_a_line_too():
    assert lines_of(msgspec.structs.replace(SERVED, endpoint=None, status=400))[0].endswith("- failed request_id=r-1")


def test_who_asked_is_dim():
    asked = msgspec.structs.replace(SERVED, principal="key:k3yxbmxy4zq2mfrw")
    assert on_a_terminal(120, asked)[0].endswith("\x1b[2mkey:k3yxbmxy4zq2mfrw\x1b[0m")


def test_a_terminal_gets_colours_and_lines_that_fit_it():
    wide = on_a_terminal(200, FAILED)
    narrow = [re.sub(r"\x1b\[\d+m", "", line) for line in on_a_terminal(60, FAILED)]
    assert len(wide) == 1
    assert "\x1b[33mwarning\x1b[0m" in wide[0]
    assert narrow == [
        "16:30:00 warning flush_failed collection=translation_tasks",
        '         error=backend_unavailable detail="no one answers"',
        "         attempt=3 retry_in_seconds=1",
    ]


def test_the_longest_address_fits_eighty_columns():
    longest = msgspec.structs.replace(SERVED, endpoint="/api/v1/translation/recovery/restore/{session_id}")
    assert len(on_a_terminal(80, longest)) == 1
