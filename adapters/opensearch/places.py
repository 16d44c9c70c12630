"""In which index a record is: its key alone says so, that any write of it may meet it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from domain.model import revisions
from domain.model.collections import Collection

_FORMAT = "%Y.%m.%d"
_AHEAD = timedelta(days=1)  # clocks differ
_BACK = timedelta(days=40)  # records may have waited, and the number of indexes is bounded whatever keys are sent


class Places:
    """The names of a collection's indexes.

    A collection whose keys the service makes has an index for each day on which they were made; it can go as a whole.
    All other keys, and those of a day so long ago that its index is not made any more, are in one index that always is.
    """

    def __init__(self, prefix: str, collection: Collection) -> None:
        self.base = f"{prefix}-{collection.name}"
        self.days = f"{self.base}-2*"  # not those of a service whose prefix is this name
        self._has_days = collection.keys_made

    @property
    def all(self) -> str:
        """Every index, as an address names them."""
        return f"{self.base},{self.days}" if self._has_days else self.base

    @property
    def patterns(self) -> Sequence[str]:
        """The same, as a template names them."""
        return [self.base, self.days] if self._has_days else [self.base]

    def day_of(self, key: str) -> str | None:
        """The index of the day on which a key was made; None where it is in the one that always is."""
        made = revisions.made_at(key) if self._has_days else None
        return f"{self.base}-{made.strftime(_FORMAT)}" if made else None

    def is_recent(self, index: str, now: datetime) -> bool:
        """Whether a day's index is made where there is none."""
        day = self.day(index)
        return day is not None and now.date() - _BACK <= day <= now.date() + _AHEAD

    def is_over(self, index: str, before: datetime) -> bool:
        """Whether a day's index has only records that were accepted, and created, before a moment."""
        day = self.day(index)
        if day is None:
            return False
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        return end + AHEAD_OF_ACCEPTANCE <= before

    def day(self, index: str) -> date | None:
        """The day of an index; None where it is none of a day."""
        try:
            return datetime.strptime(index, f"{self.base}-{_FORMAT}").replace(tzinfo=UTC).date()
        except ValueError:
            return None


AHEAD_OF_ACCEPTANCE = timedelta(minutes=5)  # that a record's times may be
