"""The service as a process that the demonstration may kill."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from pathlib import Path

from entrypoints.cli.failures import CommandFailed, Exit
from entrypoints.cli.progress import waiting
from entrypoints.client.failures import ServiceUnreachable
from entrypoints.client.http import Client

_READY_SECONDS = 30.0
_POLL_SECONDS = 0.02


class ServiceProcess:
    """One data folder and one port, served by one process after another."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> float:
        """Start and wait until it is ready; returns the seconds this took. Raises CommandFailed."""
        begun = time.monotonic()
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--data-dir", str(self._folder / "data")]
        with (self._folder / "service.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *[sys.executable, "-m", "entrypoints.cli", "serve", *options],
                cwd=self._folder,  # no persistence.toml here, and no settings in the environment
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        with waiting("Starting the service"):
            await self._ready(begun, self._process)
        return time.monotonic() - begun

    async def kill(self) -> None:
        """kill -9: no warning, no last flush; harmless where nothing runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _ready(self, begun: float, process: asyncio.subprocess.Process) -> None:
        async with Client(self.url, timeout_seconds=5) as client:
            while not await _is_ready(client):
                if process.returncode is not None or time.monotonic() - begun > _READY_SECONDS:
                    log_end = (self._folder / "service.log").read_text(errors="replace")[-2000:]
                    raise CommandFailed(f"the service did not start:\n{log_end}", Exit.INCOMPLETE)
                await asyncio.sleep(_POLL_SECONDS)


async def _is_ready(client: Client) -> bool:
    try:
        return (await client.once("GET", "/health/ready")).ok
    except ServiceUnreachable:
        return False


def _free_port() -> int:
    """A port nobody listens on, so that the restarted service can take the same one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
