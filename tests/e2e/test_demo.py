"""The demonstration keeps its promises, shows them, and leaves nothing behind."""

from __future__ import annotations

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
