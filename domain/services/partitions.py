"""A batch in parts that are written at the same time: no key is in two of them."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import TypeVar

from domain.model.policies import MAX_STATEMENT_RECORDS
from domain.model.records import Record

T = TypeVar("T")


def partitioned(records: Sequence[Record], most: int) -> list[Sequence[Record]]:
    """As many parts as statements are needed, at most ``most``; a key's hash says which part it belongs to.

    Small batches stay whole: splitting them would only make more statements of the same work.
    """
    number = min(most, ceil(len(records) / MAX_STATEMENT_RECORDS))
    if number <= 1:
        return [records] if records else []
    parts: list[list[Record]] = [[] for _ in range(number)]
    for record in records:
        parts[zlib.crc32(record.key.encode()) % number].append(record)
    return [part for part in parts if part]


async def side_by_side(
    parts: Sequence[Sequence[Record]], work: Callable[[Sequence[Record]], Awaitable[Sequence[T]]]
) -> list[T]:
    """What ``work`` makes of each part. All end before the first failure is raised: what the others did stays done."""
    if len(parts) == 1:
        return list(await work(parts[0]))
    outcomes = await asyncio.gather(*map(work, parts), return_exceptions=True)
    found: list[T] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        found += outcome
    return found
