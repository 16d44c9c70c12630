"""Keeps a copy of a collection equal to a source that goes on changing, and proves that it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

from domain.model.collections import Collection
from domain.model.policies import MAX_STATEMENT_RECORDS
from domain.model.records import Record
from domain.services.copying import Digest, Mark, Tally, ahead, mark, store
from ports.abilities import Dumping
from ports.storage_backend import StorageBackend

_SHOWN = 10  # keys of a surplus


class DumpingBackend(StorageBackend, Dumping, Protocol):
    """A backend that is written and read whole."""


class Mirror:
    """A source and a target, compared record by record; what the target lacks or has in an older state is written.

    ``compare`` reads both whole, ``follow`` what somebody says has changed since. The digests count each record as it
    was read last. All methods raise BackendError, and RecordRefused naming the key; after that, begin anew.
    """

    def __init__(self, source: Dumping, target: DumpingBackend, collection: Collection) -> None:
        """Nobody else may write to ``target``."""
        self.surplus: list[str] = []  # the first keys that the source does not have, or only in an older version
        self._source = source
        self._target = target
        self._collection = collection
        self._ours = Tally()
        self._theirs = Tally()
        self._missing: list[Record] = []  # in the target
        self._differing: dict[str, Mark] = {}  # of the source, where the target showed another after it was written

    @property
    def source(self) -> Digest:
        """What the source holds, as far as it was read."""
        return self._ours.digest()

    @property
    def target(self) -> Digest:
        """What the target holds, as far as it was read."""
        return self._theirs.digest()

    @property
    def differing(self) -> Sequence[str]:
        """The keys of records that were written, and read back as something else."""
        return sorted(self._differing)

    async def compare(self) -> None:
        """Read both sides whole."""
        self.surplus, self._ours, self._theirs = [], Tally(), Tally()
        self._differing.clear()
        async for here, there in _side_by_side(self._source.dump(self._collection), self._dumped()):
            if here is not None:
                self._ours.add(mark(here))
            if there is not None:
                self._theirs.add(mark(there))
            await self._judge(here, there)
        await self._store()

    async def follow(self, changed: Iterable[str]) -> None:
        """Read what has changed, and what differed."""
        keys = sorted({*changed, *self._differing})
        for begin in range(0, len(keys), MAX_STATEMENT_RECORDS):
            among = keys[begin : begin + MAX_STATEMENT_RECORDS]
            dumped = self._source.dump(self._collection, among=among)
            async for here, there in _side_by_side(dumped, self._dumped(among)):
                self._recount(here, there)
                await self._judge(here, there)
            await self._store()

    def _dumped(self, among: Sequence[str] | None = None) -> AsyncIterator[Sequence[Record]]:
        return self._target.dump(self._collection, among=among)

    def _recount(self, here: Record | None, there: Record | None) -> None:
        """Count a record of the source anew: it was counted as what the target has, but where they differ."""
        before = self._differing.pop(_key(here, there), None) or (there and mark(there))
        if before:
            self._ours.remove(before)
        if here is not None:
            self._ours.add(mark(here))

    async def _judge(self, here: Record | None, there: Record | None) -> None:
        if here == there:
            return
        if here is None or (there is not None and there.version > here.version):
            self.surplus += [_key(here, there)] if len(self.surplus) < _SHOWN else []
            return
        if there is not None:
            self._theirs.remove(mark(there))
        self._missing.append(here)
        if len(self._missing) == MAX_STATEMENT_RECORDS:
            await self._store()

    async def _store(self) -> None:
        """Write what is missing, and read it back."""
        if not self._missing:
            return
        await store(self._target, self._collection, self._missing, self._source)
        written = {record.key: record for record in self._missing}
        self._missing.clear()
        async for portion in self._dumped(list(written)):
            for found in portion:
                self._theirs.add(mark(found))
                if found == written[found.key]:
                    del written[found.key]
        self._differing.update((key, mark(record)) for key, record in written.items())


def _key(here: Record | None, there: Record | None) -> str:
    found = here or there
    assert found is not None  # noqa: S101  # one of the two is there
    return found.key


async def _side_by_side(
    left: AsyncIterator[Sequence[Record]], right: AsyncIterator[Sequence[Record]]
) -> AsyncIterator[tuple[Record | None, Record | None]]:
    """The records of both by key; None where one side has none."""
    lefts, rights = _each(left), _each(right)
    here, there = await anext(lefts, None), await anext(rights, None)
    while here is not None or there is not None:
        if there is None or (here is not None and here.key < there.key):
            yield here, None
            here = await anext(lefts, None)
        elif here is None or there.key < here.key:
            yield None, there
            there = await anext(rights, None)
        else:
            yield here, there
            here, there = await anext(lefts, None), await anext(rights, None)


async def _each(portions: AsyncIterator[Sequence[Record]]) -> AsyncIterator[Record]:
    async for portion in ahead(portions):
        for record in portion:
            yield record
