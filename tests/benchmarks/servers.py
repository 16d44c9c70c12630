"""What is measured: each a process of its own on a free port, killed as soon as it is no longer needed."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import msgspec

from tests.e2e.service import environment, free_port

PATH = "/api/v1/translation/tasks/batch"
TABLE = "translation_tasks"
START_SECONDS = 30.0  # far above what a start takes; only a hang comes near
SETTLE_SECONDS = 300.0  # likewise for storing what waits


def _flushed(port: int) -> bool:
    url = f"http://127.0.0.1:{port}/api/v1/system/flush?timeout=30"
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="POST")).read()
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return False
    return True


def _nothing_buffered(port: int) -> bool:
    return urllib.request.urlopen(f"http://127.0.0.1:{port}/buffered").read() == b"0"


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A server as it is started, and how it is asked whether everything acknowledged is stored."""

    name: str  # in tables
    module: tuple[str, ...]  # and its arguments; --port and --data-dir are added
    settings: Mapping[str, str] = {}
    database: str = ""  # file below the data folder; empty where nothing is stored
    has_stored_all: Callable[[int], bool] | None = None


FLOOR = Program(name="generator against a floor", module=("tests.benchmarks.yardsticks", "floor"))
NOTHING = Program(name="no-op handler", module=("tests.benchmarks.yardsticks", "nothing"))
SERVICE = Program(
    name="service",
    module=("tests.benchmarks.installed", "serve"),
    database="persistence.db",
    has_stored_all=_flushed,
)
HELD = Program(
    name="service, drain held",
    module=SERVICE.module,
    settings={  # a drain that does not begin while the run lasts
        "PERSISTENCE__BUFFER__LINGER_SECONDS": "600",
        "PERSISTENCE__BUFFER__MAX_AGE_SECONDS": "600",
        "PERSISTENCE__BUFFER__BATCH_RECORDS": "100000000",
        "PERSISTENCE__BUFFER__BATCH_RECORDS_MAX": "100000000",
        "PERSISTENCE__BUFFER__BATCH_BYTES": "1000000000",
    },
)
PEER = Program(
    name="founding stack",
    module=("tests.benchmarks.peer",),
    database="peer.db",
    has_stored_all=_nothing_buffered,
)


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A running program."""

    program: Program
    port: int
    pid: int

    def settle(self) -> None:
        """Wait until everything acknowledged is stored. Raises TimeoutError."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.program.has_stored_all and not self.program.has_stored_all(self.port):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.program.name} has not stored everything after {SETTLE_SECONDS:.0f} s")
            time.sleep(0.01)

    def rss(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """A server's database as another process sees it. Raises sqlite3.OperationalError where there is none."""
    uri = f"{database.resolve().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        yield connection


@contextmanager
def running(program: Program, folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A process on a data folder, once it answers. Raises RuntimeError with its last words where it does not."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", *program.module, "--port", str(port), "--data-dir", str(folder.resolve())]
    with TemporaryFile() as words:
        child = subprocess.Popen(
            command,
            cwd=folder,  # no persistence.toml of the caller's here
            env=environment({**program.settings, **(settings or {})}),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
        )
        try:
            if not _answers(child, port):
                words.seek(0)
                raise RuntimeError(f"{program.name} does not answer: {words.read()[-500:].decode(errors='replace')}")
            yield Server(program=program, port=port, pid=child.pid)
        finally:
            child.kill()
            child.wait()


def _answers(child: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False
