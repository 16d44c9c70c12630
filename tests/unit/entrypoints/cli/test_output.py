"""Where an export goes."""

import gzip
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from entrypoints.cli.app import run
from entrypoints.cli.failures import Exit

TASKS = "/api/v1/translation/tasks"
LINE = b'{"task_id":"a"}\n'


@pytest.fixture(autouse=True)
def one_task(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script.answers["GET", TASKS] = 200, json.dumps({"items": [{"task_id": "a"}]}, separators=(",", ":")).encode()


def export(script, output):
    return run(["export", "tasks", "--output", str(output), "--url", script.url])


def test_a_file_appears_when_it_is_complete(script, tmp_path, capsys):
    assert (export(script, "x"), export(script, "x.gz")) == (Exit.OK, Exit.OK)
    assert (tmp_path / "x").read_bytes() == gzip.decompress((tmp_path / "x.gz").read_bytes()) == LINE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "x.gz"]
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("{")]
    assert said == ["Exported 1 task to x.", "Exported 1 task to x.gz."]


def test_what_fails_half_way_leaves_what_was_there(script, tmp_path):
    (tmp_path / "x").write_bytes(b"before")
    script.answers["GET", TASKS] = 500, {"code": "internal_error", "detail": "Not now."}
    assert export(script, "x") == Exit.UNREACHABLE
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"before")]


def test_a_link_stays_a_link(script, tmp_path):
    (tmp_path / "link").symlink_to("real")
    assert export(script, "link") == Exit.OK
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == LINE


def test_a_device_is_written_and_not_replaced(script, tmp_path):
    assert export(script, "/dev/null") == Exit.OK
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert list(Path("/dev").glob("null.*")) == []


def test_a_full_device_is_said(script, capsys):
    assert export(script, "/dev/full") == Exit.INCOMPLETE
    assert capsys.readouterr().err.splitlines()[1:] == ["Error: /dev/full cannot be written: No space left on device."]


def test_a_pipe_is_written(script, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    assert export(script, "pipe") == Exit.OK
    reader.join()
    assert read == [LINE]


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("", Exit.USAGE, "'' is not the name of a file."),
        (".", Exit.USAGE, "'.' is not the name of a file."),
        ("x/", Exit.USAGE, "'x/' is not the name of a file."),
        ("folder", Exit.USAGE, "'folder' is a folder; name a file in it."),
        ("nowhere/x", Exit.INCOMPLETE, "nowhere/x cannot be written: No such file or directory."),
        ("file/x", Exit.INCOMPLETE, "file/x cannot be written: Not a directory."),
        ("n" * 300, Exit.INCOMPLETE, "cannot be written: File name too long."),
        ("/proc/nowhere", Exit.INCOMPLETE, "/proc/nowhere cannot be written"),
    ],
)
def test_a_place_that_cannot_be_written_is_said_before_anything_is_asked(
    script, tmp_path, capsys, name, code, sentence
):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    assert export(script, name) == code
    assert sentence in capsys.readouterr().err
    assert script.asked == []
