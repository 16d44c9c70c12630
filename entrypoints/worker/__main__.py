"""The program of a worker process. The service starts it, with one end of a socket pair as its standard input."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

LAST_SECONDS = 5  # for a clean end once the service is gone; then the kernel ends it


async def run(end: socket.socket) -> int:
    """Work for the service at the other end."""
    from adapters.pipe.channel import Channel
    from adapters.pipe.messages import TO_WORKER
    from entrypoints.worker.child import work

    return await work(Channel(end, TO_WORKER), lambda: signal.alarm(LAST_SECONDS))


def main() -> None:
    """Work until the service goes."""
    try:
        end = socket.socket(fileno=0)
    except OSError:
        print("A worker is started by `persistence serve`, not by hand.", file=sys.stderr)  # noqa: T201
        sys.exit(78)
    sys.exit(asyncio.run(run(end)))


if __name__ == "__main__":
    main()
