"""Arrows point inward, and every module stands by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, name_of, sources

# Loads what is not ours once; then each module is imported in a fork that has seen no other of ours.
ALONE = """
import os, sys, traceback
import aiohttp.web, click, dependency_injector.providers, gzip, msgspec, prometheus_client, pypika
import sqlite3, structlog, tomllib
import structlog.dev
waiting, running, failed = sys.argv[1:], {}, []
while waiting or running:
    if waiting and len(running) < os.cpu_count():
        name = waiting.pop()
        child = os.fork()
        if child == 0:
            try:
                __import__(name)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        running[child] = name
        continue
    child, status = os.wait()
    name = running.pop(child)
    if status:
        failed.append(name)
print(*failed)
"""


def linted(folder):
    """The linter, in a process of its own: it ends the loggers of the one that it runs in."""
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([linter, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def test_the_import_contracts_hold():
    result = linted(ROOT)
    assert result.returncode == 0, result.stdout


def test_a_forbidden_import_breaks_the_contracts(tmp_path):
    for path in sources():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    victim = tmp_path / "domain" / "services" / "pace.py"
    victim.write_text(victim.read_text() + "\nimport adapters.memory.backend\n")
    result = linted(tmp_path)
    assert result.returncode == 1
    assert "domain.services is not allowed to import adapters" in result.stdout


@pytest.mark.slow
def test_every_module_can_be_imported_alone():
    names = [name_of(path) for path in sources() if not name_of(path).endswith("__main__")]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE, *names],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout.split(), result.returncode) == ([], 0), result.stderr


@pytest.mark.parametrize("command", ["--help", "--version", "serve --help", "import --help"])
def test_help_loads_no_server(command):
    program = (
        "import sys; from entrypoints.cli.app import run; code = run(sys.argv[1:])\n"
        "heavy = {'aiohttp', 'sqlite3', 'pypika', 'rich', 'dependency_injector', 'prometheus_client', 'structlog'}\n"
        "sys.exit(f'{heavy & set(sys.modules)}' if heavy & set(sys.modules) else code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
