"""Counting and scanning, on every backend that can."""

from __future__ import annotations

import pytest

from domain.errors import InvalidParameter
from domain.model.query import And, Condition, Operator, Or
from domain.model.translation import TASKS
from ports.abilities import Counting, Scanning
from tests.contract.abilities import with_ability
from tests.contract.records import record, tombstone


@with_ability(Counting)
async def test_counts_by_value_leave_out_tombstones_nulls_and_empty_groups(backend):
    await backend.write(
        TASKS, [record("a"), record("b", status="failed", batch_id="x"), record("c", priority=2), tombstone("d")]
    )

    assert dict(await backend.count_by(TASKS, "status", And(()))) == {"pending": 2, "failed": 1}
    assert dict(await backend.count_by(TASKS, "batch_id", And(()))) == {"x": 1}
    assert dict(await backend.count_by(TASKS, "priority", And(()))) == {"0": 2, "2": 1}
    assert dict(await backend.count_by(TASKS, "status", Condition("priority", Operator.EQ, (9,)))) == {}
    with pytest.raises(InvalidParameter):
        await backend.count_by(TASKS, "nothing", And(()))


@with_ability(Scanning)
async def test_a_scan_visits_every_visible_record_once_in_key_order(backend):
    records = [record(f"k{number:05}", priority=number % 2, revision=number) for number in range(2345)]
    for start in range(0, len(records), 1000):
        await backend.write(TASKS, records[start : start + 1000])
    await backend.write(TASKS, [tombstone("k00007", 9, 9)])
    odd = Condition("priority", Operator.EQ, (1,))

    portions = [portion async for portion in backend.scan(TASKS, odd)]

    assert all(0 < len(portion) <= 1000 for portion in portions)
    seen = [one for portion in portions for one in portion]
    assert seen == [one for one in records if one.values[8] == 1 and one.key != "k00007"]
    assert [portion async for portion in backend.scan(TASKS, Or(()))] == []


@with_ability(Scanning)
async def test_a_scan_that_is_left_early_harms_nothing(backend):
    await backend.write(TASKS, [record(f"k{number:03}", revision=number) for number in range(1000)])
    await backend.write(TASKS, [record("z")])
    scan = backend.scan(TASKS, And(()))
    await anext(scan)
    await scan.aclose()

    assert (await backend.write(TASKS, [record("z", 1, 2)])).applied == 1
