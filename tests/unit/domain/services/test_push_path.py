"""Memory runs out anywhere between the check of a batch and its acknowledgement: nothing stays half done."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from linecache import getline

import pytest

from domain.model.translation import TASKS
from domain.services import buffer, pending
from tests.unit.domain.services.house import House, task

CANNOT_FAIL = ("try:", "finally:", "lane.in_flight ")  # they allocate nothing
PUSH_PATH = {buffer.__file__, pending.__file__}


@contextmanager
def memory_ends_at(nth: int):
    """The ``nth`` line of the push path raises MemoryError; yields a list with the line, if there were so many."""
    left, met = nth, []

    def trace(frame, event, _):
        nonlocal left
        if frame.f_code.co_filename not in PUSH_PATH:
            return None
        if event == "line" and not getline(frame.f_code.co_filename, frame.f_lineno).strip().startswith(CANNOT_FAIL):
            left -= 1
            if left == 0:
                met.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
                raise MemoryError
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        yield met
    finally:
        sys.settrace(former)


@pytest.mark.slow
async def test_memory_that_ends_at_any_line_of_the_push_path_leaves_no_half_of_a_batch():
    nth, reached = 0, True
    while reached:
        nth += 1
        async with (house := House()).running():
            await house.post(task("before"))
            await house.settled()
            try:
                with memory_ends_at(nth) as met:
                    await house.post(task("a"), task("b"))
            except MemoryError:
                acknowledged = ["before", "after"]
            else:
                acknowledged = ["before", "a", "b", "after"]
            reached = bool(met)
            await house.post(task("after"))
            await house.settled()

            stored = {key for key in ("before", "a", "b", "after") if await house.backend.read(TASKS, key)}
            assert stored.issuperset(acknowledged), met
            assert len(stored & {"a", "b"}) in (0, 2), met
            shown = {key for key in ("a", "b") if await house.query.visible(TASKS, key)}
            assert shown == stored & {"a", "b"}, met
            lane = house.buffer._lanes[TASKS.name]
            assert (lane.in_flight, lane.weight) == (0, 0), met
            assert house.buffer.pending(TASKS, "a") is None, met
    assert nth > 30
