"""The machine and the versions, as far as they explain figures; nothing that names the machine or a place on it."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path
from statistics import median

from entrypoints.version import VERSION
from tests.benchmarks import yardsticks
from tests.benchmarks.results import Machine
from tests.e2e.service import REPOSITORY

PACKAGES = ("aiohttp", "msgspec", "fastapi", "pydantic", "aiosqlite", "uvicorn", "uvloop", "httptools")


def look(folder: Path) -> Machine:
    """Describe it; ``folder`` is where the benchmarks write."""
    synced = yardsticks.synced_writes(folder, [bytes(4096)] * 200, 1)
    return Machine(
        system=f"{_system()}, Linux {'.'.join(platform.release().split('.')[:2])}",
        processor=_field(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=int((_field(Path("/proc/meminfo"), "MemTotal") or "0").split()[0]) / (1 << 20),
        filesystem=_filesystem(folder),
        sync_ms=median(synced) * 1e3,
        busy=os.getloadavg()[0],
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    own = {"persistence-service": VERSION + _commit(), "Python": platform.python_version()}
    return own | {"SQLite": sqlite3.sqlite_version} | {name: version(name) for name in PACKAGES}


def _commit() -> str:
    """Empty outside of a git working tree."""
    describe = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    said = subprocess.run(describe, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return f" ({said.stdout.strip()})" if said.returncode == 0 else ""


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "unknown distribution"


def _field(file: Path, name: str) -> str | None:
    lines = (line.partition(":") for line in file.read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), None)


def _filesystem(folder: Path) -> str:
    """The type of the innermost mount that holds the folder."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    types = {Path(place): kind for _, place, kind, *_ in mounts}
    return next(
        (types[parent] for parent in [folder.resolve(), *folder.resolve().parents] if parent in types), "unknown"
    )
