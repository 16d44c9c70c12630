"""The demonstration keeps its promises, shows them, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.service import command, environment

pytestmark = pytest.mark.slow


def test_the_demonstration_loses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    settings = {"TMPDIR": str(tmp_path), "PERSISTENCE__SERVER__PORT": "1", "PERSISTENCE__DATA_DIR": "/nowhere"}
    ended = subprocess.run(
        command("demo"), cwd=tmp_path, env=environment(settings), capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    for word in ("Kill -9", "without an answer", "given back", "89 of 89 tasks completed", "Nothing was lost."):
        assert word in ended.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demonstration_says_so_and_leaves_nothing(tmp_path: Path, number: int) -> None:
    settings = environment({"TMPDIR": str(tmp_path)})
    with subprocess.Popen(
        command("demo"), cwd=tmp_path, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("Start")
        demo.send_signal(number)
        _, errors = demo.communicate(timeout=60)
    assert (demo.returncode, errors.strip()) == (
        130,
        "Interrupted: nothing of it is left; the same command begins anew.",
    )
    assert list(tmp_path.iterdir()) == []
