"""Objects that no file names: what is left where a process ended between putting an object and naming it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from domain.model.dead_letters import LetterFilter
from domain.model.files import FILES, Swept
from domain.model.objects import StoredObject
from domain.model.query import Condition, CountMode, Operator, Query
from domain.model.uploads import UPLOAD_PREFIX
from domain.services import query_rules
from domain.services.files import object_of
from domain.services.query import QueryService
from domain.services.uploads import UploadService
from domain.services.whereabouts import Whereabouts
from ports.ambient import Clock
from ports.dead_letters import DeadLetters
from ports.object_store import PORTION, ObjectStore

GRACE = timedelta(hours=24)  # an object may wait so long for its record


class OrphanSweeper:
    """Collects orphans, by default of one instance: what waits in another one's own journal cannot be seen here."""

    def __init__(
        self,
        objects: ObjectStore,
        query: QueryService,
        dead_letters: DeadLetters,
        clock: Clock,
        uploads: UploadService | None = None,
        whereabouts: Whereabouts | None = None,
        *,
        grace: timedelta = GRACE,
    ) -> None:
        self._objects = objects
        self._query = query
        self._dead_letters = dead_letters
        self._clock = clock
        self._uploads = uploads
        self._whereabouts = whereabouts
        self._grace = grace

    async def sweep(self, instance: int | None) -> Swept:
        """Remove the objects of an instance that are older than the grace and that no stored record names; and all
        of uploads that were given up, whoever began them.

        ``instance``: its number; None: of all, where one pending log shows what each of them has acknowledged.
        Everything acknowledged is stored first: where that fails, nothing is removed; nor while a file's record is a
        dead letter, which names an object too and may be replayed; nor where the records are in another backend than
        they were. Raises Replaying, FlushIncomplete, BackendError.
        """
        expired = await self._uploads.expire() if self._uploads else Swept(seen=0, removed=0, freed_bytes=0)
        if self._whereabouts is not None:
            await self._whereabouts.check()
        await self._query.settle(FILES)
        letters = await self._dead_letters.find(LetterFilter(lane=FILES.name), limit=1)
        seen, removed, freed = 0, expired.removed, expired.freed_bytes
        async for portion in self._objects.list():
            seen += len(portion)
            for orphan in () if letters else await self._orphans(portion, instance):
                await self._objects.delete(orphan.name)
                removed, freed = removed + 1, freed + orphan.size
        return Swept(seen=seen, removed=removed, freed_bytes=freed)

    async def _orphans(self, portion: Sequence[StoredObject], instance: int | None) -> list[StoredObject]:
        before = self._clock.now() - self._grace
        old = [found for found in portion if found.stored_at < before and _is_of(found.name, instance)]
        named = await self._named([found.name for found in old]) if old else set()
        return [found for found in old if found.name not in named]

    async def _named(self, names: Sequence[str]) -> set[str]:
        """Those that a stored record names; an object is named by one record at most."""
        query = Query(
            filter=Condition("object", Operator.IN, tuple(names)),
            sort=query_rules.sort_of(FILES, (FILES.key,), ("asc",)),
            limit=PORTION,
            count=CountMode.NONE,
        )
        return {object_of(record) for record in (await self._query.find(FILES, query)).items}


def _is_of(name: str, instance: int | None) -> bool:
    """Whether a name is that of a file's content, put by the instance; None: by any."""
    parts = name.split("-")
    return not name.startswith(UPLOAD_PREFIX) and len(parts) > 2 and (instance is None or parts[1] == str(instance))
