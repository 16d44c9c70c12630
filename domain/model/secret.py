"""Passwords and keys on their way from the configuration to a driver."""

from __future__ import annotations

import hmac


class Secret:
    """Text that is shown to nobody by accident: masked in repr, logs and ``config show``."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same text: tells a changed password from an unchanged one."""
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """The text itself, for the driver that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "********"
