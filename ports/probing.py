"""Judging a backend before it is opened."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import msgspec


class Outlook(msgspec.Struct, frozen=True):
    """What ``open`` would find, in one line."""

    detail: str
    warning: bool = False  # it would open, and something about it should be known before
    is_new: bool = False  # there is nothing yet; opening it makes it


@runtime_checkable
class Probing(Protocol):
    """A backend that ``persistence check`` can ask; declared by having the method."""

    async def probe(self) -> Outlook:
        """Look, on a backend that is not open, without changing anything.

        Raises StartFailure or BackendError where it would not open.
        """
        ...
