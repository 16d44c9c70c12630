"""What a client meets."""

from __future__ import annotations


class ServiceUnreachable(Exception):
    """No usable answer for as long as the client's patience lasted; the text says what came instead."""
