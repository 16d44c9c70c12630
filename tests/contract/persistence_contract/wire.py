"""A server that is gone in the middle of a call, and comes back."""

from __future__ import annotations

from contextlib import suppress

import pytest

from domain.errors import BackendError, QueryTimeout
from domain.model.query import And, Query, Sort
from domain.model.records import ConditionalWrite
from domain.model.translation import TASKS
from persistence_contract.records import record, tombstone

BY_KEY = (Sort("task_id"),)
BATCH = [record(f"k{number:04}", 2, number + 1, source_text="x" * 100) for number in range(500)]


async def scanned(backend) -> None:
    async for _ in backend.scan(TASKS, And(())):
        pass


CALLS = {
    "write": lambda backend: backend.write(TASKS, BATCH),
    "write with verdicts": lambda backend: backend.write(TASKS, BATCH, verdicts=True),
    "write_conditional": lambda backend: backend.write_conditional(TASKS, [ConditionalWrite(BATCH[0], 0)]),
    "read": lambda backend: backend.read(TASKS, "k0001"),
    "query": lambda backend: backend.query(TASKS, Query(sort=BY_KEY)),
    "delete": lambda backend: backend.delete(TASKS, "k0001"),
    "count_by": lambda backend: backend.count_by(TASKS, "status", And(())),
    "scan": scanned,
}
CUTS = [{"sent": 0}, {"sent": 40}, {"sent": 20_000}, {"received": 0}, {"received": 1}, {"received": 30}]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: "-".join(f"{side}-{count}" for side, count in cut.items()))
@pytest.mark.parametrize("call", CALLS)
async def test_a_cut_wire_is_an_outage_and_its_end_the_end_of_it(backend, wire, call, cut):
    if not hasattr(backend, call.split()[0]):
        pytest.skip(f"{type(backend).__name__} lacks {call}")
    await backend.write(TASKS, [record("a"), tombstone("b")])
    wire.cut(**cut)
    with suppress(BackendError, QueryTimeout):  # and nothing else; a short call may end before the cut
        await CALLS[call](backend)
    status = await backend.health_check() if cut in ({"sent": 0}, {"received": 0}) else None
    wire.mend()

    assert status is None or not status.healthy
    found = (await backend.query(TASKS, Query(sort=BY_KEY, limit=1000))).items
    assert len([one for one in found if one.key != "a"]) in (0, 1, len(BATCH) - 1, len(BATCH))
    assert (await backend.write(TASKS, BATCH)).applied == len(BATCH)
    assert (await backend.health_check()).healthy


@pytest.mark.parametrize("received", [0, 1, 6])
async def test_a_write_whose_answer_was_lost_is_repeated_without_effect(backend, wire, received):
    wire.cut(received=received)
    for _ in range(3):
        with pytest.raises(BackendError):
            await backend.write(TASKS, BATCH)
    wire.mend()
    assert (await backend.write(TASKS, BATCH)).applied == len(BATCH)

    assert (await backend.query(TASKS, Query(sort=BY_KEY, limit=1000))).items == tuple(BATCH)
