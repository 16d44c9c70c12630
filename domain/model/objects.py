"""Objects: bytes of any number under a name of ours, as an object store keeps them."""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

_NAME = re.compile("[a-z0-9][a-z0-9_-]{1,199}", re.ASCII)


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object that is whole and durable."""

    name: str
    size: int  # bytes
    stored_at: datetime  # aware, UTC; by the store's clock


class Written(msgspec.Struct, frozen=True):
    """What went into a new object."""

    size: int  # bytes
    sha256: bytes  # digest of all of them


def checked_name(name: str) -> str:
    """The name itself: 2 to 200 characters of ``a-z0-9_-``.

    Names are the service's own, never a client's, so that no store has to take an odd one; a slash is odd too, since a
    store may keep either ``a`` or ``a/b``. Raises ValueError.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:100]!r} is not the name of an object")
    return name
