"""The real service as a child process: started, limited, killed and stopped; only by its own process id."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

import aiohttp

REPOSITORY = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0  # far above what a start takes; only a hang comes near
PATIENT = {"PERSISTENCE__BUFFER__READ_DEADLINE_SECONDS": "120"}  # a loaded machine is no failure
_POLL_SECONDS = 0.02


class ServiceDied(Exception):
    """The process ended although nobody ended it; the text is the end of its log."""


def free_port() -> int:
    """A port nobody listens on, so that a restarted service can take the same one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(*arguments: str) -> list[str]:
    """The command line ``persistence`` with its arguments."""
    return [sys.executable, "-m", "entrypoints.cli", *arguments]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of the service, and with the repository on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PERSISTENCE_")}
    return kept | {"PYTHONPATH": str(REPOSITORY)} | dict(more or {})


def parent_of(process: Path) -> int | None:
    """The parent of a process in ``/proc``; None where it has ended."""
    try:
        state, parent, *_ = (process / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else int(parent)


class Service:
    """One data folder and one port, served by one process after another."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        program: Sequence[str] | None = None,
    ) -> None:
        """``settings``: environment variables; ``program``: what to run instead of ``persistence serve``."""
        self.data_dir = folder / "data"
        self.log = folder / "service.log"
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._environment = environment(settings)
        self._program = program or command("serve")
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process started last."""
        assert self._process is not None, "the service was never started"
        return self._process

    @property
    def processor_seconds(self) -> float:
        """Time of processors that the process has used so far, in its own code and in the system's."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def start(self) -> float:
        """Start and wait until ready; returns the seconds this took. Raises ServiceDied."""
        begun = time.monotonic()
        self.spawn()
        await self.ready()
        return time.monotonic() - begun

    def spawn(self) -> None:
        """Start without waiting for anything."""
        self.kill()
        self._output = self.log.open("ab")
        self._process = subprocess.Popen(
            [*self._program, "--port", str(self.port), "--data-dir", str(self.data_dir)],
            cwd=self._folder,  # no persistence.toml here but the test's own
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    async def ready(self) -> None:
        """Wait until the process says that it can journal. Raises ServiceDied."""
        deadline = time.monotonic() + READY_SECONDS
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while not await self._is_ready(session):
                if self.process.poll() is not None:
                    raise ServiceDied(f"exit {self.process.returncode}:\n{self.log_end()}")
                if time.monotonic() > deadline:
                    raise ServiceDied(f"not ready after {READY_SECONDS} s:\n{self.log_end()}")
                await asyncio.sleep(_POLL_SECONDS)

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/health/ready") as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def limit_files(self, size: int) -> None:
        """From now on what runs cannot write beyond ``size`` bytes of any file; -1 lifts the limit."""
        soft = resource.RLIM_INFINITY if size < 0 else size
        for pid in (self.process.pid, *self.children()):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def peak_kib(self) -> int:
        """The most memory that the process has ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])

    def kill(self) -> None:
        """End the process without a warning, as a power cut would; harmless where none runs."""
        self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask the process to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.process.wait, READY_SECONDS)
        code = self.process.returncode
        self._end(signal.SIGKILL)
        return code

    def children(self) -> list[int]:
        """The process ids of the living processes that the running one has started."""
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if parent_of(path) == self.process.pid]

    def log_end(self, size: int = 4000) -> str:
        """The last bytes of everything the processes have written."""
        return self.log.read_bytes()[-size:].decode(errors="replace")

    def _end(self, by: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(by)
            self._process.wait()
        if self._output is not None:
            self._output.close()
            self._output = None
