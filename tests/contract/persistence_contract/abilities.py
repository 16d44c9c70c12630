"""Counting and scanning, on every backend that can."""

from __future__ import annotations

import pytest

from domain.errors import InvalidParameter
from domain.model.query import And, Condition, Operator, Or
from domain.model.translation import TASKS
from persistence_contract.records import record, tombstone


async def test_counts_by_value_leave_out_tombstones_nulls_and_empty_groups(counting):
    await counting.write(
        TASKS, [record("a"), record("b", status="failed", batch_id="x"), record("c", priority=2), tombstone("d")]
    )

    assert dict(await counting.count_by(TASKS, "status", And(()))) == {"pending": 2, "failed": 1}
    assert dict(await counting.count_by(TASKS, "batch_id", And(()))) == {"x": 1}
    assert dict(await counting.count_by(TASKS, "priority", And(()))) == {"0": 2, "2": 1}
    assert dict(await counting.count_by(TASKS, "status", Condition("priority", Operator.EQ, (9,)))) == {}
    with pytest.raises(InvalidParameter):
        await counting.count_by(TASKS, "nothing", And(()))


async def test_a_scan_visits_every_visible_record_once_in_key_order(scanning):
    records = [record(f"k{number:05}", priority=number % 2, revision=number) for number in range(2345)]
    for start in range(0, len(records), 1000):
        await scanning.write(TASKS, records[start : start + 1000])
    await scanning.write(TASKS, [tombstone("k00007", 9, 9)])
    odd = Condition("priority", Operator.EQ, (1,))

    portions = [portion async for portion in scanning.scan(TASKS, odd)]

    assert all(0 < len(portion) <= 1000 for portion in portions)
    seen = [one for portion in portions for one in portion]
    assert seen == [one for one in records if one.values[8] == 1 and one.key != "k00007"]
    assert [portion async for portion in scanning.scan(TASKS, Or(()))] == []


async def test_a_scan_that_is_left_early_harms_nothing(scanning):
    await scanning.write(TASKS, [record(f"k{number:03}", revision=number) for number in range(1000)])
    await scanning.write(TASKS, [record("z")])
    scan = scanning.scan(TASKS, And(()))
    await anext(scan)
    await scan.aclose()

    assert (await scanning.write(TASKS, [record("z", 1, 2)])).applied == 1


async def test_a_dump_gives_everything_as_it_is_stored_in_key_order(dumping):
    records = [record(f"k{number:05}", revision=number) for number in range(2345)]
    records[7] = tombstone("k00007", 9, 9)
    for start in range(0, len(records), 1000):
        await dumping.write(TASKS, records[start : start + 1000])

    for after in (None, "k00000", "k00999", "k01000", "k0100", "k02344", ""):
        portions = [portion async for portion in dumping.dump(TASKS, after=after)]
        assert all(0 < len(portion) <= 1000 for portion in portions)
        expected = [one for one in records if after is None or one.key > after]
        assert [one for portion in portions for one in portion] == expected

    some = [*records[5:2000:2], records[2000]]
    keys = ["nowhere", *(one.key for one in reversed(some))]
    for among, expected in ((keys, some), (keys[-1:], some[:1]), (keys[:1], []), ([], [])):
        portions = [portion async for portion in dumping.dump(TASKS, among=among)]
        assert [one for portion in portions for one in portion] == expected
    portions = [portion async for portion in dumping.dump(TASKS, after=some[9].key, among=keys)]
    assert [one for portion in portions for one in portion] == some[10:]
