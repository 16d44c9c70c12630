"""Bringing a schema forward, on every backend that has one."""

from __future__ import annotations


async def test_a_schema_that_is_whole_has_nothing_to_apply(migrating):
    await migrating.close()
    steps = await migrating.steps()

    assert steps
    assert all(step.applied for step in steps)
    assert [step.name for step in steps] == sorted({step.name for step in steps})
    assert await migrating.migrate() == []
