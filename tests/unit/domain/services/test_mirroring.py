"""A target is kept equal to a source that goes on changing, and both digests say what was read."""

from __future__ import annotations

import random

import pytest

from adapters.memory.backend import MemoryBackend
from domain.errors import BackendUnavailable
from domain.model.translation import TASKS
from domain.services.copying import digest
from domain.services.mirroring import Mirror
from persistence_contract.library import library
from persistence_contract.records import record, tombstone


class Noting(MemoryBackend):
    """A target that knows what was written to it, and may lose it."""

    def __init__(self):
        super().__init__()
        self.written = []
        self.losing = False

    async def write(self, collection, records, **options):
        self.written += [one.key for one in records]
        return await super().write(collection, [] if self.losing else records, **options)


@pytest.fixture
async def source():
    backend = MemoryBackend()
    await backend.write(TASKS, [record(f"k{n:05}", n % 5, n + 1) for n in range(2500)] + library())
    return backend


@pytest.fixture
def target():
    return Noting()


@pytest.fixture
async def mirror(source, target):
    """Both sides equal."""
    mirror = Mirror(source, target, TASKS)
    await mirror.compare()
    target.written.clear()
    return mirror


async def equal(mirror, source, target) -> bool:
    """Whether both sides hold the same; the mirror's digests are those of what they hold, whatever that is."""
    assert (mirror.source, mirror.target) == (await digest(source, TASKS), await digest(target, TASKS))
    assert (mirror.source == mirror.target) is not bool(mirror.differing or mirror.surplus)
    return mirror.source == mirror.target


async def test_an_empty_target_is_filled(mirror, source, target):
    assert await equal(mirror, source, target)
    assert (mirror.target.records, mirror.target.tombstones) == (2570, 6)


async def test_comparing_writes_what_differs_and_nothing_else(mirror, source, target):
    await source.write(TASKS, [record("a", 1, 1), record("k00007", 9, 9), record("k01000", 0, 1, created=-5)])
    await source.write(TASKS, [tombstone("zz", 5, 5)])
    await mirror.compare()

    assert await equal(mirror, source, target)
    assert target.written == ["a", "k00007", "k01000", "zz"]


async def test_following_looks_at_what_has_changed_alone(mirror, source, target):
    await source.write(TASKS, [record("a", 1, 1), record("k00007", 9, 9), record("k00008", 9, 9)])
    await mirror.follow(["k00007", "k00005", "a", "nowhere"])

    assert target.written == ["a", "k00007"]
    assert mirror.target == await digest(target, TASKS)
    await mirror.follow(["k00008"])
    assert await equal(mirror, source, target)


async def test_the_digests_hold_through_any_history(mirror, source, target):
    chance = random.Random(3)
    for turn in range(30):
        keys = [f"k{chance.randrange(3000):05}" for _ in range(chance.choice((1, 20, 1500)))]
        changed = {key: chance.choice((record, tombstone))(key, chance.randrange(30), 5000 + turn) for key in keys}
        await source.write(TASKS, list(changed.values()))
        await mirror.follow(keys)
        assert await equal(mirror, source, target)


async def test_what_is_written_is_read_back(mirror, source, target):
    await source.write(TASKS, [record("a", 1, 1), record("k00007", 9, 9)])
    target.losing = True
    await mirror.follow(["a", "k00007"])
    assert not await equal(mirror, source, target)
    assert mirror.differing == ["a", "k00007"]

    target.losing = False
    await mirror.follow([])
    assert mirror.differing == []
    assert await equal(mirror, source, target)


async def test_surplus_is_named_not_removed(mirror, source, target):
    await target.write(TASKS, [record("zzz"), record("k00001", 9, 9)])
    await mirror.compare()
    assert mirror.surplus == ["k00001", "zzz"]
    assert not await equal(mirror, source, target)
    assert await target.read(TASKS, "zzz") == record("zzz")
    assert await target.read(TASKS, "k00001") == record("k00001", 9, 9)


async def test_an_outage_ends_a_comparison(source, target):
    class Away(MemoryBackend):
        async def write(self, collection, records, **options):
            raise BackendUnavailable

    with pytest.raises(BackendUnavailable):
        await Mirror(source, Away(), TASKS).compare()
