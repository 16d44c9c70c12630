"""What only some object stores can do: give links to their objects."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from domain.model.links import Link, Shown, Validity


@runtime_checkable
class ObjectLinks(Protocol):
    """Links that are made without asking the store; a store has the ability by having these methods.

    Names are those that ``checked_name`` takes; others are a ValueError.
    """

    def link_to_get(self, name: str, valid: Validity, shown: Shown) -> Link:
        """To read an object, or parts of it; the store answers with what is ``shown``, whatever the reader asks for."""
        ...

    def link_to_put(self, name: str, valid: Validity, *, size: int, sha256: bytes) -> Link:
        """To put a new object of exactly ``size`` bytes; a store that checks digests takes no other than ``sha256``.

        Once there is an object of the name, the link puts nothing in its place.
        """
        ...
