"""Finds the records that a backend refuses among those that it takes, in few statements."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

from domain.errors import BackendError, RecordRefused, StatementTooLarge

T = TypeVar("T")
_FEW = 10  # refused items, up to which what was not looked at is tried as a whole again


class Refused(NamedTuple, Generic[T]):
    """An item that was refused for itself, and why."""

    item: T
    error: BackendError


class Isolation(Generic[T]):
    """One batch on its way into a store that takes parts of it whole or not at all.

    Where the store names the refused item, k of them cost k + 1 statements. Elsewhere each of the first is found by
    halving, at most log2(n) + 2 statements, and what was not looked at meanwhile is tried as a whole; of many, halving
    alone costs less. No item is given up before it was refused alone or by name: an error may be about them together.
    """

    def __init__(self, write: Callable[[list[T]], Awaitable[None]], weigh: Callable[[T], int]) -> None:
        """``write``: stores items, all or none; ``weigh``: about how many bytes of a statement an item takes."""
        self.refused: list[Refused[T]] = []
        self._write = write
        self._weigh = weigh
        self._waiting: list[list[T]] = []  # the last one is the next; in each, and from last to first, keys rise
        self._stored_some = False

    async def store(self, items: Sequence[T]) -> None:
        """Store all but those that end up in ``refused``. Raises BackendError where the fault is not in single items.

        An error without a class of its own is about items only if one half of the batch is stored without it.
        """
        self._waiting = [list(items)]
        while self._waiting:
            part = self._waiting.pop()
            error = await self._tried(part)
            if error is not None and _is_unknown(error) and not self._stored_some:
                await self._doubt(part, error)
            elif error is not None:
                await self._narrow(part, error)

    async def _tried(self, part: list[T]) -> BackendError | None:
        """The error that may be about items; others are raised."""
        try:
            await self._write(part)
        except BackendError as error:
            if isinstance(error, RecordRefused | StatementTooLarge) or _is_unknown(error):
                return error
            raise
        self._stored_some = True
        return None

    async def _doubt(self, part: list[T], error: BackendError) -> None:
        """Bisect once: what fails in both halves is about all of them."""
        if len(part) == 1:
            raise error
        middle = len(part) // 2
        first, second = part[:middle], part[middle:]
        of_first, of_second = await self._tried(first), await self._tried(second)
        if of_first is None:
            if of_second is not None:
                await self._narrow(second, of_second)
        elif of_second is not None and not self._stored_some and _is_unknown(of_first) and _is_unknown(of_second):
            raise error
        else:
            self._waiting += [second] if of_second is not None else []
            await self._narrow(first, of_first)

    async def _narrow(self, part: list[T], error: BackendError) -> None:
        """Find one refused item of a part that failed; what need not be looked at for that waits."""
        while len(part) > 1 and _place(error) is None:
            middle = self._middle(part, error)
            first, second = part[:middle], part[middle:]
            found = await self._tried(first)
            if found is not None:
                self._waiting.append(second)
                part, error = first, found
            elif isinstance(error, StatementTooLarge):
                self._waiting.append(second)
                return
            elif len(second) == 1:
                self._waiting.append(second)  # it must be refused alone, too
                return
            else:
                part = second
        self._give_up(part, error)

    def _give_up(self, part: list[T], error: BackendError) -> None:
        place = _place(error) if len(part) > 1 else None
        self.refused.append(Refused(part.pop(place or 0), error))
        if part:
            self._waiting.append(part)
        if len(self.refused) <= _FEW and self._waiting:
            self._waiting = [[item for waiting in reversed(self._waiting) for item in waiting]]

    def _middle(self, part: list[T], error: BackendError) -> int:
        """Where to halve: by number, or by bytes where those are the matter."""
        if not isinstance(error, StatementTooLarge):
            return len(part) // 2
        sums = list(accumulate(map(self._weigh, part)))
        light = sum(total <= sums[-1] / 2 for total in sums)
        return min(max(light, 1), len(part) - 1)


def _is_unknown(error: BackendError) -> bool:
    return type(error) is BackendError


def _place(error: BackendError) -> int | None:
    return error.index if isinstance(error, RecordRefused) else None
