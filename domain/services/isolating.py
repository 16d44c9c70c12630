"""Finds the records that a backend refuses among those that it takes, in few statements."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

from domain.errors import BackendError, RecordRefused, StatementTooLarge
from domain.model.policies import MAX_STATEMENT_RECORDS
from domain.services.pace import is_unknown

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

    def __init__(
        self,
        write: Callable[[list[T]], Awaitable[None]],
        weigh: Callable[[T], int],
        size: int = MAX_STATEMENT_RECORDS,
    ) -> None:
        """``write``: stores items, all or none; ``weigh``: about how many bytes of a statement an item takes.

        ``size``: items of a statement, at most.
        """
        self.refused: list[Refused[T]] = []
        self._write = write
        self._weigh = weigh
        self._size = size
        self._waiting: list[list[T]] = []  # the last one is the next; in each, and from last to first, keys rise
        self._doubted: list[tuple[list[T], BackendError]] = []  # what met an error that may be about anything
        self._stored_some = False

    async def store(self, items: Sequence[T]) -> None:
        """Store all but those that end up in ``refused``. Raises BackendError where the fault is not in single items.

        An error that nobody knows is about items only if others are stored without it: that alone is evidence, and no
        number of tries is.
        """
        for begin in range(0, len(items), self._size):
            await self._store(list(items[begin : begin + self._size]))
        doubted, self._doubted = self._doubted, []
        for part, error in doubted:
            if not self._stored_some:
                raise error
            await self._store(part)

    async def _store(self, items: list[T]) -> None:
        self._waiting = [items]
        while self._waiting:
            part = self._waiting.pop()
            error = await self._tried(part)
            if error is not None and is_unknown(error) and not self._stored_some:
                await self._doubt(part, error)
            elif error is not None:
                await self._narrow(part, error)

    async def _tried(self, part: list[T]) -> BackendError | None:
        """The error that may be about items; others are raised."""
        try:
            await self._write(part)
        except BackendError as error:
            if isinstance(error, RecordRefused | StatementTooLarge) or is_unknown(error):
                return error
            raise
        self._stored_some = True
        return None

    async def _doubt(self, part: list[T], error: BackendError) -> None:
        """Halve on, towards another item at each try, until something is stored; else it waits for what others show."""
        sought = part
        while len(sought) > 1 and not self._stored_some:
            middle = len(sought) // 2
            halves = sought[:middle], sought[middle:]
            for half in halves:
                await self._tried(half)
            sought = random.choice(halves)  # noqa: S311  (no secret)
        if self._stored_some:
            self._waiting.append(part)
        else:
            self._doubted.append((part, error))

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
        if len(part) == 1 and is_unknown(error):  # it may have passed: others are stored by now
            again = await self._tried(part)
            if again is None:
                return
            error = again
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


def _place(error: BackendError) -> int | None:
    return error.index if isinstance(error, RecordRefused) else None
