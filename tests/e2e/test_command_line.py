"""The command line as a process: interrupted, without room for its output, without anybody who reads it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import command, environment

pytestmark = pytest.mark.slow

INTERRUPTED = 130
FIRST_PAGE = b'{"items": [{"task_id": "a"}], "next_cursor": "c", "total": 2}'
OFFLINE = (["--help"], ["version"], ["config", "show"], ["check"], ["completion", "bash"])


@pytest.fixture
def hanging() -> Iterator[tuple[str, threading.Event]]:
    """Something that takes a question and then says nothing more: its address, and whether it was asked."""
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as connections:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connections.enter_context(connection)
                    question = connection.recv(65536)
                    if b"consistency=strong" in question:  # the first page of an export
                        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                        connection.sendall(head % len(FIRST_PAGE) + FIRST_PAGE)
                    else:
                        asked.set()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["stats"], "Interrupted: nothing was changed; the same command begins anew."),
        (["recovery", "restore", "s1"], "Interrupted: nothing was changed; the same command begins anew."),
        (["flush"], "Interrupted: the service goes on writing; `persistence buffers` shows what waits."),
        (["export", "tasks", "-o", "out.gz"], "Interrupted: out.gz was not written; the same command begins anew."),
        (["export", "tasks"], "Interrupted: what is on stdout is not all; the same command begins anew."),
        (["import", "in.ndjson"], "  in.ndjson: line 2"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_interrupted_command_says_what_was_done_and_leaves_nothing(
    hanging: tuple[str, threading.Event], tmp_path: Path, number: int, arguments: list[str], sentence: str
) -> None:
    url, asked = hanging
    (tmp_path / "in.ndjson").write_text('nonsense\n{"task_id": "a"}\n')
    running = started([*arguments, "--url", url], tmp_path)
    assert asked.wait(30)
    running.send_signal(number)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == INTERRUPTED, errors
    assert sentence in errors.splitlines()
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["in.ndjson"]


def test_a_pipe_that_nobody_writes_to_does_not_keep_ctrl_c_waiting(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    with os.fdopen(ours) as silent, os.fdopen(theirs):
        running = started(["import", "-", "--url", "http://127.0.0.1:1"], tmp_path, stdin=silent)
        waits_for_input(running.pid)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=30)
    assert running.returncode == INTERRUPTED, errors
    assert "/dev/stdin: from line 1 to the end" in errors


@pytest.mark.parametrize("arguments", OFFLINE, ids=" ".join)
def test_a_full_disk_under_the_output_is_one_sentence(tmp_path: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command(*arguments), cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (ended.returncode, ended.stderr) == (1, "Error: the output cannot be written: No space left on device.\n")


@pytest.mark.parametrize("arguments", OFFLINE, ids=" ".join)
def test_where_not_even_the_sentence_can_be_written_the_exit_code_still_says_it(
    tmp_path: Path, arguments: list[str]
) -> None:
    buffered = environment({"PYTHONUNBUFFERED": ""})
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command(*arguments), cwd=tmp_path, env=buffered, stdout=full, stderr=full)
    assert ended.returncode == 1


def test_a_key_of_whose_making_no_line_can_be_left_is_not_shown(tmp_path: Path) -> None:
    making = command("keys", "create", "ci", "--scope", "admin")
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(making, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=full, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")


@pytest.mark.parametrize("arguments", OFFLINE, ids=" ".join)
def test_a_reader_that_goes_away_is_no_error_message(tmp_path: Path, arguments: list[str]) -> None:
    with started(arguments, tmp_path) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == ""


@pytest.mark.parametrize("stream", ["1>&-", "2>&-", "1>&- 2>&-"])
def test_a_closed_stream_takes_everything(tmp_path: Path, stream: str) -> None:
    words = " ".join(command("config", "show"))
    ended = subprocess.run(["sh", "-c", f"{words} {stream}"], cwd=tmp_path, env=environment(), capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_text_that_the_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "persistence.toml").write_text('data_dir = "数据"', encoding="utf-8")
    latin = environment({"PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"})
    ended = subprocess.run(command("config", "show"), cwd=tmp_path, env=latin, capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b'data_dir = "\\u6570\\u636e"' in ended.stdout


def started(arguments: list[str], folder: Path, stdin: object = subprocess.DEVNULL) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stdin=stdin,  # type: ignore[call-overload]  # a file or a constant
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def waits_for_input(pid: int) -> None:
    """Return when a process has opened /dev/stdin for a second time."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            opened = [path.readlink() for path in Path(f"/proc/{pid}/fd").iterdir()]
            if len([path for path in opened if path == Path(f"/proc/{pid}/fd/0").readlink()]) > 1:
                return
        time.sleep(0.01)
    raise AssertionError("the command does not read its input")
