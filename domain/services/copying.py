"""Copies a collection from one backend to another, and proves that both hold the same.

Copying is writing: the version guard lets the greater version win, so that a copy may be broken off, repeated, and run
while the target already serves. Tombstones are copied too, or an older write that arrives later would raise the dead.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from domain.errors import BackendContended, RecordRefused
from domain.model.collections import Collection
from domain.model.query import MAX_PAGE_SIZE, Condition, CountMode, Operator, Query, Sort
from domain.model.records import EPOCH, MICROSECOND, Record
from ports.abilities import Dumping
from ports.storage_backend import StorageBackend

T = TypeVar("T")

MAX_MOVES = 20  # of a unique value from record to record, while they are copied
_TRIES = 10  # of a write that meets a lock
_MODULUS = 1 << 128


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection holds, whatever the order it is read in."""

    records: int = 0
    tombstones: int = 0
    checksum: str = "0" * 32  # the sum of a BLAKE2b-128 of each record, modulo 2^128, hexadecimal


class Mark(NamedTuple):
    """What a record counts for in a digest."""

    fingerprint: int
    deleted: bool


class Tally:
    """A digest in the making."""

    def __init__(self) -> None:
        self.seen = 0
        self._sum = self._tombstones = 0

    def add(self, mark: Mark) -> None:
        """Count a record."""
        self._count(mark, 1)

    def remove(self, mark: Mark) -> None:
        """Count a record no more."""
        self._count(mark, -1)

    def digest(self) -> Digest:
        """What was counted."""
        live = self.seen - self._tombstones
        return Digest(records=live, tombstones=self._tombstones, checksum=f"{self._sum % _MODULUS:032x}")

    def _count(self, mark: Mark, times: int) -> None:
        self.seen += times
        self._sum += times * mark.fingerprint
        self._tombstones += times * mark.deleted


async def digest(backend: Dumping, collection: Collection, seen: Callable[[int], None] = lambda _: None) -> Digest:
    """Read a whole collection; tells ``seen`` how many records it has read."""
    tally = Tally()
    async for portion in backend.dump(collection):
        for record in portion:
            tally.add(mark(record))
        seen(tally.seen)
    return tally.digest()


def mark(record: Record) -> Mark:
    """What a record counts for."""
    return Mark(int.from_bytes(fingerprint(record)), record.deleted_at is not None)


def fingerprint(record: Record) -> bytes:
    """16 bytes of everything that a record is."""
    times = [
        None if moment is None else (moment - EPOCH) // MICROSECOND
        for moment in (record.created_at, record.updated_at, record.deleted_at)
    ]
    return hashlib.blake2b(msgspec.msgpack.encode((record.values, record.revision, times)), digest_size=16).digest()


async def copy(
    source: Dumping,
    target: StorageBackend,
    collection: Collection,
    *,
    after: str | None = None,
    copied: Callable[[str, int], None],
) -> None:
    """Write every record behind the key ``after``; tells ``copied`` the last key of each portion and its size.

    The next portion is read while one is written. Raises BackendError, RecordRefused naming the key.
    """
    async for portion in ahead(source.dump(collection, after=after)):
        await store(target, collection, portion, source)
        copied(portion[-1].key, len(portion))


async def ahead(items: AsyncIterator[T]) -> AsyncIterator[T]:
    """The same items, each fetched while the one before is worked on."""
    following = asyncio.ensure_future(anext(items, None))
    try:
        while (item := await following) is not None:
            following = asyncio.ensure_future(anext(items, None))
            yield item
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def store(
    target: StorageBackend, collection: Collection, records: Sequence[Record], source: Dumping, moves: int = MAX_MOVES
) -> None:
    """Write records, waiting for locks. Raises BackendError, RecordRefused naming the key.

    A unique value that has moved in ``source`` since its holder was copied is first given up in the target; ``moves``:
    through how many records.
    """
    for attempt in range(_TRIES if records else 0):
        try:
            await target.write(collection, records)
        except BackendContended:
            if attempt == _TRIES - 1:
                raise
            await asyncio.sleep(0.05 * 2**attempt)
        except RecordRefused as refusal:
            former = await _outdated(target, collection, records, source) if refusal.taken and moves else ()
            if not former:
                key = records[refusal.index].key if refusal.index is not None else f"{records[0].key} or one behind it"
                raise RecordRefused(f"The target refuses {key}. {refusal.detail}", taken=refusal.taken) from refusal
            await store(target, collection, former, source, moves - 1)
            return await store(target, collection, records, source, moves - 1)
        else:
            return None
    return None


async def _outdated(
    target: StorageBackend, collection: Collection, records: Sequence[Record], source: Dumping
) -> Sequence[Record]:
    """The states that the source has by now of those in the target that hold a unique value of one of the records."""
    field = collection.unique_field
    if field is None:
        return ()
    position = collection.positions[field.name]
    wanted = {record.values[position]: record.key for record in records}
    held = Condition(field.name, Operator.IN, tuple(value for value in wanted if value is not None))
    query = Query(filter=held, sort=(Sort(collection.key),), limit=MAX_PAGE_SIZE, count=CountMode.NONE)
    holders = (await target.query(collection, query)).items
    versions = {one.key: one.version for one in holders if wanted.get(one.values[position]) != one.key}
    dumped = source.dump(collection, among=sorted(versions))
    return [one async for portion in dumped for one in portion if one.version > versions[one.key]]
