"""One worker process: how it is started, and how it ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

COMMAND = (sys.executable, "-P", "-m", "entrypoints.worker")  # -P: not what lies in the current folder
_NOT_FOR_WORKERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def start(command: Sequence[str], environment: Mapping[str, str], end: socket.socket) -> subprocess.Popen[bytes]:
    """Start a worker that has one end of a socket pair as its standard input. Raises OSError.

    The signals that tell a whole process group to stop are blocked in it from before its first instruction: it serves
    the last flush of the service, which alone decides when it ends.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _NOT_FOR_WORKERS)
    try:
        return subprocess.Popen(command, env=environment, stdin=end.fileno(), stdout=subprocess.DEVNULL)  # noqa: S603
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


async def end(process: subprocess.Popen[bytes], grace_seconds: float) -> str:
    """Wait for a worker that was told to end, and kill one that does not; says how it ended."""
    try:
        await asyncio.to_thread(process.wait, grace_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        await asyncio.to_thread(process.wait)
    except asyncio.CancelledError:
        process.kill()
        raise
    code = process.returncode
    return f"it was killed by {signal.Signals(-code).name}" if code < 0 else f"it ended with exit code {code}"
