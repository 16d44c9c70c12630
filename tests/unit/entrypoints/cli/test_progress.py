"""What a person sees while something takes long, on a real terminal."""

import contextlib
import os
import re
import sys
import threading
import time

import pytest

from entrypoints.cli import progress
from entrypoints.cli.app import run
from entrypoints.cli.failures import Exit
from entrypoints.cli.progress import records_progress, waiting
from entrypoints.cli.saying import say


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(progress, "DELAY_SECONDS", 0)


@contextlib.contextmanager
def a_terminal():
    """stderr is a terminal of 80 columns; gives what was shown on it so far."""
    ours, theirs = os.openpty()
    shown = bytearray()

    def read():
        while part := _part(ours):
            shown.extend(part)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with pytest.MonkeyPatch.context() as patch, os.fdopen(theirs, "w", buffering=1) as stream:
        patch.setenv("COLUMNS", "80")
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stderr", stream)
        yield lambda: re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode(errors="replace"))
    reader.join(5)
    os.close(ours)


def _part(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def until(screen, *words):
    deadline = time.monotonic() + 10
    while not all(word in screen() for word in words):
        assert time.monotonic() < deadline, screen()
        time.sleep(0.01)


def test_records_rate_and_share_are_shown():
    with a_terminal() as screen:
        with records_progress() as report:
            report(1500, 0, 3000)
            until(screen, "1,500 records", "50%", "records/s")
        assert max(map(len, screen().replace("\r", "\n").splitlines())) < 80


def test_the_share_of_a_file_is_that_of_its_bytes():
    with a_terminal() as screen, records_progress(1000) as report:
        report(7, 250)
        until(screen, "7 records", "25%")


def test_what_is_waited_for_is_shown_with_what_has_come():
    with a_terminal() as screen, waiting("Waiting for x") as received:
        received(2_500_000)
        until(screen, "Waiting for x", "2.5 MB", "0:00:0")


def test_what_is_done_soon_shows_nothing(monkeypatch):
    monkeypatch.setattr(progress, "DELAY_SECONDS", 60)
    with a_terminal() as screen:
        with records_progress() as report, waiting("x"):
            report(1, 0)
        assert screen() == ""


def test_what_goes_to_the_terminal_itself_hides_the_bar():
    with a_terminal() as screen:
        with records_progress(hidden=True) as report:
            report(1, 0)
            time.sleep(0.1)
        assert screen() == ""


def test_nothing_is_shown_where_no_terminal_is(capsys):
    with records_progress() as report:
        report(1, 0)
        time.sleep(0.1)
    assert capsys.readouterr() == ("", "")


def test_a_flush_shows_what_is_left(script, monkeypatch):
    monkeypatch.setattr("entrypoints.cli.operate._LOOK_SECONDS", 0.01)
    left = iter([40, *[10] * 10_000])
    with a_terminal() as screen:

        def buffers():
            return 200, {"buffers": {"c": {"records": next(left), "payload_bytes": 0, "flush": {}}}}

        def flushed():
            until(screen, "30 records", "75%")
            return 200, {"status": "flushed"}

        script.answers["GET", "/api/v1/system/buffers"] = buffers
        script.answers["POST", "/api/v1/system/flush"] = flushed
        assert run(["flush", "--url", script.url]) == Exit.OK


def test_sentences_are_folded_between_words_on_a_terminal_alone(capsys):
    sentence = "Error: " + "word " * 30
    say(sentence)
    assert capsys.readouterr().err == sentence + "\n"
    with a_terminal() as screen:
        say(sentence)
        until(screen, "\n")
        lines = screen().splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80
