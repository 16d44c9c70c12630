"""Links: addresses at which whoever has one reads or puts a single object, for a while, without any key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

LINK_SECONDS = 900
MAX_LINK_SECONDS = 12 * 3600  # an upload is kept for longer, and so is an object that nothing names
MAX_LINKED_BYTES = 5 * 1024**3  # S3 takes no more in one request


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One request that the object store will take."""

    method: str
    url: str  # a secret, for as long as it lasts
    headers: Mapping[str, str]  # which the request must have, as they are
    expires_at: datetime


class Validity(msgspec.Struct, frozen=True, kw_only=True):
    """When a link can be used."""

    since: datetime  # aware, UTC
    seconds: int  # 1 to MAX_LINK_SECONDS


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What the store shall say of an object that is read by a link."""

    content_type: str
    disposition: str  # the value of ``Content-Disposition``
