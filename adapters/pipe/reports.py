"""What a worker observes, on its way to the service's logs and metrics."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from adapters.pipe.channel import Channel
from adapters.pipe.messages import Logged, Observed, ToWorker
from domain.model.observations import Observation

MOST_CHARACTERS = 16_384  # of one line


class PipedObserver:
    """The ``Observer`` of a worker."""

    def __init__(self, channel: Channel[ToWorker]) -> None:
        self._channel = channel

    def __call__(self, observation: Observation) -> None:
        """Send it; one that cannot be sent, such as a text of 64 MiB, is dropped."""
        with contextlib.suppress(Exception):
            self._channel.post(Observed(observation))


class PipedLogs(logging.Handler):
    """The worker's end of the standard ``logging``: its libraries speak through the service's log."""

    def __init__(self, channel: Channel[ToWorker], level: int = logging.WARNING) -> None:
        """Needs the running loop: records come from any thread."""
        super().__init__(level)
        self._channel = channel
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record as text, a traceback included; logging never raises."""
        try:
            line = Logged(record.levelno, record.name, self.format(record)[:MOST_CHARACTERS])
            self._loop.call_soon_threadsafe(self._channel.post, line)
        except Exception:
            self.handleError(record)
