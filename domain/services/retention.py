"""Records that are kept for a while: what is older goes, a portion at a time, beside everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from domain.errors import AbilityMissing, PersistenceError, UnexpectedFailure
from domain.model.collections import Collection
from domain.model.observations import RecordsExpired, RetentionFailed
from domain.model.query import Condition, CountMode, Operator, Query, Sort, ordered
from domain.services.registry import StorageBackendRegistry
from ports.abilities import Expiring
from ports.ambient import Clock, Observer

PORTION = 1000  # records of one statement
FIRST_SECONDS = 60.0  # a start has other things to do
SWEEP_SECONDS = 600.0


class Retention:
    """Removes what is too old. Many instances over one backend may do so at once, and none needs to."""

    def __init__(
        self,
        registry: StorageBackendRegistry,
        periods: Mapping[str, timedelta],
        is_copied: Callable[[str], bool],
        observer: Observer,
        clock: Clock,
        *,
        first_seconds: float = FIRST_SECONDS,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        """``periods``: by collection, those without one keep all; ``is_copied``: whether somebody compares it just now,
        to whom nothing may vanish.
        """
        self._registry = registry
        self._periods = periods
        self._is_copied = is_copied
        self._observer = observer
        self._clock = clock
        self._first_seconds = first_seconds
        self._sweep_seconds = sweep_seconds

    async def run(self) -> None:
        """Sweep again and again, until cancelled."""
        await asyncio.sleep(self._first_seconds)
        while True:
            await self.sweep()
            await asyncio.sleep(self._sweep_seconds)

    async def sweep(self) -> None:
        """Remove what is too old now; a backend that fails is left for the next time, and the failure observed."""
        for name, period in self._periods.items():
            before = self._clock.now() - period
            try:
                removed = await self._remove(self._registry.collection(name), before)
            except Exception as error:  # a bug, too, must not end the sweeps
                known = error if isinstance(error, PersistenceError) else UnexpectedFailure(f"A bug: {error!r}")
                self._observer(RetentionFailed(collection=name, error=known.code, detail=known.detail))
                continue
            if removed:
                self._observer(RecordsExpired(collection=name, records=removed, before=before.isoformat()))

    async def _remove(self, collection: Collection, before: datetime) -> int:
        """Each portion is followed by a rest of its length, for those who write."""
        removed = 0
        while not self._is_copied(collection.name):
            begun = self._clock.monotonic()
            count = await self._portion(collection, before)
            if not count:
                break
            removed += count
            await asyncio.sleep(self._clock.monotonic() - begun)
        return removed

    async def _portion(self, collection: Collection, before: datetime) -> int:
        try:
            return await self._registry.ability(collection, Expiring).expire(collection, before, PORTION)
        except AbilityMissing:
            return await self._one_by_one(collection, before)

    async def _one_by_one(self, collection: Collection, before: datetime) -> int:
        """The way that every backend has."""
        query = Query(
            filter=Condition("created_at", Operator.LT, (before,)),
            sort=ordered(collection, Sort("created_at")),
            limit=PORTION,
            count=CountMode.NONE,
        )
        backend = self._registry.backend(collection)
        found = (await backend.query(collection, query)).items
        for record in found:
            await backend.delete(collection, record.key)
        return len(found)
