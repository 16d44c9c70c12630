"""What encrypts values, so that only who has the keys can read them."""

from __future__ import annotations

from collections.abc import Collection as Some
from typing import Protocol


class Keyring(Protocol):
    """Keys by id, one of them active, and one more for comparing what is encrypted.

    Nothing here waits: who keeps keys elsewhere has fetched them when it was opened. Keys may be exchanged while calls
    run, each of which sees those of before or those of after.
    """

    @property
    def active(self) -> str:
        """Id of the key that ``seal`` uses."""
        ...

    @property
    def ids(self) -> Some[str]:
        """Ids of all keys that ``open`` can use."""
        ...

    def seal(self, values: Some[tuple[bytes, bytes]]) -> tuple[str, list[bytes]]:
        """Encrypt under the active key; returns its id, and for each value bytes that are never returned again.

        ``values``: plaintexts, each with its context, which says where it belongs; that is not in the result, and must
        be the same for ``open``.
        """
        ...

    def open(self, key_id: str, sealed: bytes, context: bytes) -> bytes:
        """The plaintext. Raises DecryptionFailed: no such key, or not what it has sealed for this context."""
        ...

    def blind(self, value: bytes, context: bytes) -> bytes:
        """16 bytes that are equal for equal values in one context, and tell nothing else to who lacks the key."""
        ...
