"""The stored state is a function of the set of acknowledged writes alone.

Never of arrival order, flush timing, batch boundaries or replays: any history is permuted, split and repeated, drained
through the real flush engine, and the tables are compared. Without the version guard the property must fail.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.backend import MemoryBackend
from adapters.sqlite.backend import SqliteBackend
from domain.model.built_in import BUILT_IN
from domain.model.frames import FrameDraft, FrameKind
from domain.model.policies import BufferPolicy
from domain.model.records import Record, WriteResult
from domain.model.revisions import compose
from domain.model.translation import TASKS
from tests.unit.domain.services.house import House, task

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = ["a", "b", "c", "d"]

write = st.tuples(
    st.sampled_from(KEYS),
    st.integers(0, 3),  # updated_at: few values, so that revisions decide often
    st.integers(0, 3),  # created_at
    st.booleans(),  # a delete
)
history = st.lists(write, min_size=2, max_size=14)


def moment(step: int) -> datetime:
    return BEGIN + timedelta(seconds=step)


def drafts(writes: Sequence[tuple[str, int, int, bool]]) -> list[FrameDraft]:
    """One frame a write, each with the revision that its acceptance gave it."""
    made = []
    for number, (key, updated, created, delete) in enumerate(writes):
        times = {"created_at": moment(created).isoformat(), "updated_at": moment(updated).isoformat()}
        body = {"key": key, **times} if delete else task(key, priority=number, **times)
        made.append(
            FrameDraft(
                accepted_at=moment(100 + number),
                first_revision=compose(1_000, 1, number),
                count=1,
                payload=json.dumps([body]).encode(),
                kind=FrameKind.DELETE if delete else FrameKind.WRITE,
            )
        )
    return made


async def table(backend, frames: Sequence[FrameDraft], size: int) -> list[Record | None]:
    """What the store holds after draining the frames in this order, in batches of about ``size``."""
    policy = BufferPolicy(linger_seconds=0, batch_records=size, batch_records_min=size, batch_records_max=size)
    house = House(backend=backend, policy=policy)
    for frame in frames:
        await house.write_buffer.append(TASKS.name, frame)
    async with house.running():
        await house.flush.flush(BUILT_IN, 20)
        return [await backend.read(TASKS, key) for key in KEYS]


def arrangements(frames: list[FrameDraft], seed: int) -> list[tuple[list[FrameDraft], int]]:
    chance = random.Random(seed)
    shuffled = chance.sample(frames, len(frames))
    repeated = chance.choices(frames, k=len(frames)) + chance.sample(frames, len(frames))
    return [(frames, 1), (frames[::-1], 3), (shuffled, 100), (repeated, 2)]


class Unguarded:
    """A backend whose upsert lost its version guard: the last writer wins."""

    def __init__(self) -> None:
        self.inner = MemoryBackend()
        self.number = 0

    async def write(self, collection, records, *, verdicts=False) -> WriteResult:
        for record in records:
            self.number += 1
            await self.inner.delete(collection, record.key)
        return await self.inner.write(collection, records, verdicts=verdicts)

    async def read(self, collection, key):
        return await self.inner.read(collection, key)


async def compared(kind: str, writes, seed: int) -> None:
    results = []
    for frames, size in arrangements(drafts(writes), seed):
        if kind == "memory":
            results.append(await table(MemoryBackend(), frames, size))
        elif kind == "unguarded":
            results.append(await table(Unguarded(), frames, size))
        else:
            with TemporaryDirectory() as folder:
                backend = SqliteBackend(Path(folder) / "store.db", BUILT_IN)
                await backend.open()
                try:
                    results.append(await table(backend, frames, size))
                finally:
                    await backend.close()
    assert all(result == results[0] for result in results)
    expected = {}
    for number, (key, updated, created, _) in enumerate(writes):
        version, earliest = expected.get(key, ((-1, -1), 99))
        expected[key] = (max(version, (updated, number)), min(earliest, created))
    found = {r.key: (((r.updated_at - BEGIN).seconds, r.revision & 0xFFF), r.created_at) for r in results[0] if r}
    assert found == {key: (version, moment(earliest)) for key, (version, earliest) in expected.items()}


@pytest.mark.parametrize(("kind", "examples"), [("memory", 120), ("sqlite", 25)])
def test_any_order_split_and_repetition_of_a_history_gives_the_same_table(kind, examples):
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(writes=history, seed=st.integers(0, 2**16))
    def check(writes, seed):
        asyncio.run(compared(kind, writes, seed))

    check()


def test_without_the_version_guard_the_property_fails():
    @settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(writes=history, seed=st.integers(0, 2**16))
    def check(writes, seed):
        asyncio.run(compared("unguarded", writes, seed))

    with pytest.raises((AssertionError, ExceptionGroup)):
        check()


async def test_a_crash_between_commit_and_watermark_repeats_a_batch_without_effect():
    """The batch is applied, the watermark is not moved, and a new process drains the same frames again."""
    backend = MemoryBackend()
    frames = drafts([("a", 1, 1, False), ("b", 1, 1, False), ("a", 2, 0, True), ("b", 0, 0, False)])
    first = await table(backend, frames, 100)

    assert await table(backend, frames, 1) == first
    assert await table(backend, frames[:2], 1) == first
    assert msgspec.json.encode(first)
