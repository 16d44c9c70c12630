"""Copies between backends: whole, in the end equal, whatever was there before."""

from __future__ import annotations

import random

import msgspec
import pytest

from adapters.memory.backend import MemoryBackend
from domain.errors import BackendContended, BackendUnavailable, RecordRefused
from domain.model.translation import TASKS
from domain.model.users import USERS
from domain.services.copying import Digest, copy, digest, fingerprint
from domain.services.mirroring import Mirror
from persistence_contract.library import library
from persistence_contract.records import record
from persistence_contract.unique_fields import user


def ignore(*_) -> None:
    pass


@pytest.fixture
async def source():
    backend = MemoryBackend()
    await backend.write(TASKS, [record(f"k{n:05}", n % 5, n + 1) for n in range(2500)] + library())
    return backend


@pytest.fixture
def target():
    return MemoryBackend()


async def test_a_copy_holds_the_same_tombstones_too(source, target):
    places = []
    await copy(source, target, TASKS, copied=lambda last, count: places.append((last, count)))

    assert await digest(target, TASKS) == await digest(source, TASKS)
    assert (await digest(target, TASKS)).tombstones == 6
    assert sum(count for _, count in places) == 2576
    assert places == sorted(places)


async def test_a_copy_goes_on_behind_a_key(source, target):
    await copy(source, target, TASKS, after="k01999", copied=ignore)

    keys = [one.key async for portion in target.dump(TASKS) for one in portion]
    assert keys == [one.key async for portion in source.dump(TASKS) for one in portion if one.key > "k01999"]


async def test_what_is_newer_in_the_target_stays(source, target):
    await target.write(TASKS, [record("k00001", 9, 9)])
    await copy(source, target, TASKS, copied=ignore)

    assert await target.read(TASKS, "k00001") == record("k00001", 9, 9)
    assert await digest(target, TASKS) != await digest(source, TASKS)


async def test_a_digest_depends_on_everything_but_the_order(source):
    records = [one async for portion in source.dump(TASKS) for one in portion]
    random.Random(1).shuffle(records)
    other = MemoryBackend()
    for begin in range(0, len(records), 500):
        await other.write(TASKS, records[begin : begin + 500])
    assert await digest(other, TASKS) == await digest(source, TASKS)
    assert await digest(MemoryBackend(), TASKS) == Digest()

    one = record("a", 1, 1, batch_id=None, priority=0)
    changes = {"created_at": record("a", created=2).created_at, "updated_at": record("a", 2).updated_at, "revision": 2}
    others = [msgspec.structs.replace(one, **{name: value}) for name, value in changes.items()]
    others += [record("a", 1, 1, priority=1), record("a", 1, 1, batch_id=""), record("b", 1, 1)]
    others.append(msgspec.structs.replace(one, deleted_at=one.updated_at))
    assert len({fingerprint(each) for each in (one, *others)}) == len(others) + 1


class Failing(MemoryBackend):
    """A target with errors at hand."""

    def __init__(self, *errors):
        super().__init__()
        self.errors = list(errors)

    async def write(self, collection, records, **options):
        if self.errors:
            raise self.errors.pop(0)
        return await super().write(collection, records, **options)


async def test_a_lock_is_waited_for(source):
    target = Failing(BackendContended(), BackendContended())
    await copy(source, target, TASKS, copied=ignore)
    assert await digest(target, TASKS) == await digest(source, TASKS)


async def test_an_outage_ends_the_copy_and_a_refused_record_is_named(source):
    with pytest.raises(BackendUnavailable):
        await copy(source, Failing(BackendUnavailable()), TASKS, copied=ignore)
    with pytest.raises(RecordRefused, match=r"The target refuses k00003\. too long"):
        await copy(source, Failing(RecordRefused("too long", index=3)), TASKS, copied=ignore)


async def test_an_address_that_moves_while_users_are_copied_is_given_up_in_the_target_first(target):
    source = MemoryBackend()
    await source.write(USERS, [user(f"u{n:04}", f"a{n}@x.org") for n in range(1500)])
    moved = []

    async def move(*_) -> None:
        """Behind the first portion: u0 takes a fresh address, u1 that of u0, ..., the last that of u1."""
        for n, key in enumerate(("u0000", "u0001", "u0500", "u1400")):
            taken = ("b@x.org", "a0@x.org", "a1@x.org", "a500@x.org")[n]
            await source.write(USERS, [user(key, taken, 1, 5000 + n)])

    class Moving(MemoryBackend):
        async def write(self, collection, records, *, verdicts=False):
            if not moved:
                moved.append(await super().write(collection, records, verdicts=verdicts))
                await move()
                return moved[0]
            return await super().write(collection, records, verdicts=verdicts)

    target = Moving()
    await copy(source, target, USERS, copied=ignore)
    assert await target.read(USERS, "u1400") == await source.read(USERS, "u1400")
    mirror = Mirror(source, target, USERS)
    await mirror.compare()
    assert (mirror.source, mirror.surplus, mirror.differing) == (mirror.target, [], [])


async def test_a_value_that_the_target_gave_to_somebody_else_is_refused_with_the_key(target):
    source = MemoryBackend()
    await source.write(USERS, [user("a", "one@x.org")])
    await target.write(USERS, [user("b", "one@x.org")])
    with pytest.raises(RecordRefused, match="refuses a") as refused:
        await copy(source, target, USERS, copied=ignore)
    assert refused.value.taken


async def test_addresses_that_went_round_end_in_a_sentence(target):
    source = MemoryBackend()
    await source.write(USERS, [user("a", "two@x.org", 1, 9), user("b", "one@x.org", 1, 9)])
    await target.write(USERS, [user("a", "one@x.org"), user("b", "two@x.org")])
    with pytest.raises(RecordRefused, match="refuses "):
        await copy(source, target, USERS, copied=ignore)
