"""Passwords and keys on their way from the configuration to a driver, and the files that they stand in."""

from __future__ import annotations

import hmac
import stat
from pathlib import Path


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


def exposure(path: Path, owner: int, mode: int) -> str:
    """What is wrong with the rights of a file of secrets, and the cure; empty where nothing is.

    ``owner``: its user id, ``mode``: its rights, as ``os.fstat`` tells both. Nobody but the owner has any; a group may
    read what root owns, since Kubernetes hands a secret so to a service that is not root (``fsGroup``). It is the rule
    of PostgreSQL for private keys (its documentation, "Secure TCP/IP Connections with SSL").
    """
    forbidden = stat.S_IRWXO | (stat.S_IWGRP | stat.S_IXGRP if owner == 0 else stat.S_IRWXG)
    if not mode & forbidden:
        return ""
    cure = f"`chmod 600 {path}`"
    if owner == 0:
        cure += f", or `chmod 640 {path}` where the service reads it by its group"
    return f"{path} is open to others than its owner (mode {stat.S_IMODE(mode):o}); {cure}"
