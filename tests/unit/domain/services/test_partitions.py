"""A batch in parts: which keys go where, and what a failing part leaves of the others."""

import asyncio

import pytest

from adapters.memory.backend import MemoryBackend
from domain.errors import BackendUnavailable
from domain.model.observations import BatchFlushed
from domain.model.policies import BufferPolicy
from domain.model.records import Record
from domain.model.translation import TASKS
from domain.services.partitions import partitioned, side_by_side
from tests.unit.domain.services.house import START, FaultyBackend, House, task

LARGE = BufferPolicy(batch_records=5000, linger_seconds=0.001)


class Parallel(FaultyBackend):
    """A store that likes several statements at once, and counts them."""

    parallel_writes = 3

    def __init__(self) -> None:
        super().__init__(MemoryBackend())
        self.running: list[set[str]] = []
        self.most = 0

    async def write(self, collection, records, **options):
        keys = {record.key for record in records}
        assert all(keys.isdisjoint(others) for others in self.running), "two statements write the same key"
        self.running.append(keys)
        self.most = max(self.most, len(self.running))
        await asyncio.sleep(0.001)
        try:
            return await super().write(collection, records, **options)
        finally:
            self.running.remove(keys)


def records(count, *, keys=10**9):
    return [Record((f"key {i % keys}",), START, START, i) for i in range(count)]


def test_a_batch_has_as_many_parts_as_statements_and_never_more_than_wanted():
    assert partitioned([], 4) == []
    for count, most, number in ((1, 4, 1), (1000, 4, 1), (1001, 4, 2), (5000, 4, 4), (5000, 1, 1), (2001, 9, 3)):
        assert len(partitioned(records(count), most)) == number


def test_every_record_is_in_one_part_and_all_of_a_key_in_the_same():
    whole = records(4000, keys=700)
    parts = partitioned(whole, 4)
    assert sorted(record.revision for part in parts for record in part) == list(range(4000))
    places = [{record.key for record in part} for part in parts]
    assert sum(map(len, places)) == len(set.union(*places)) == 700
    assert min(map(len, parts)) > 500


async def test_a_failing_part_leaves_the_others_time_to_end():
    done = []

    async def work(part):
        await asyncio.sleep(0.01 * len(part))
        if len(part) == 1:
            raise BackendUnavailable("gone")
        done.append(len(part))
        return [len(part)]

    one, two, three = (records(count) for count in (1, 2, 3))
    with pytest.raises(BackendUnavailable):
        await side_by_side([one, two, three], work)
    assert done == [2, 3]
    assert await side_by_side([two, three], work) == [2, 3]


async def test_parts_are_written_at_once_and_the_watermark_moves_when_all_are_done():
    house = House(backend=Parallel(), policy=LARGE)
    async with house.running(draining=False):
        for begin in range(0, 5000, 500):
            await house.post(*(task(f"t{(begin + i) % 4200}", priority=begin) for i in range(500)))
        house.backend.errors = [BackendUnavailable("one part of three")]
        await house.flush.start()
        await house.settled()
        assert await house.backend.read(TASKS, "t4199")
        again = await house.backend.read(TASKS, "t100")
    assert again.values[TASKS.positions["priority"]] == 4000
    assert house.backend.most == 3
    assert all(list(keys) == sorted(set(keys)) for keys in house.backend.writes)
    (flushed,) = house.observed(BatchFlushed)
    assert flushed.records == 5000
