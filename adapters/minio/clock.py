"""What the store's own clock says: it is the one by which links begin and end."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from minio import time  # the clock by which the driver signs
from urllib3 import BaseHTTPResponse, PoolManager

_TOLERATED = timedelta(seconds=3)  # answers take their time, and tell whole seconds


def ahead_of(date: str | None) -> timedelta | None:
    """How far the clock here is ahead of the one that says what time it is; None where it does not say."""
    try:
        return time.utcnow() - parsedate_to_datetime(date or "")
    except (ValueError, TypeError):
        return None


class TimedPool(PoolManager):
    """Connections that know by how much the clock here is ahead of the store's, as its last answer told."""

    ahead = timedelta(0)

    def urlopen(self, method: str, url: str, redirect: bool = True, **more: Any) -> BaseHTTPResponse:  # type: ignore[override]
        """As the driver calls it. Any: its own options."""
        answer = super().urlopen(method, url, redirect, **more)
        if (ahead := ahead_of(answer.headers.get("Date"))) is not None:
            self.ahead = ahead
        return answer

    def theirs(self, moment: datetime) -> datetime:
        """A moment of the clock here, by the store's."""
        return moment - self.ahead if abs(self.ahead) > _TOLERATED else moment
