"""What a client meets."""

from __future__ import annotations

from entrypoints.version import VERSION


class ServiceUnreachable(Exception):
    """No usable answer for as long as the client's patience lasted; the text says what came instead, without a dot."""


class NotTheService(ServiceUnreachable):
    """Something answers there, but not as this version of the service does."""

    def __init__(self, url: str) -> None:
        """``url``: where it answers."""
        super().__init__(f"what answers at {url} is not Persistence Service {VERSION}")
        self.url = url


class KeyRefused(ServiceUnreachable):
    """The service answers, and does not let this caller in, or not to this."""
