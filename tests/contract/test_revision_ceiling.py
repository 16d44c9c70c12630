"""The durable bound that keeps revisions from going back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from domain.model.revisions import tick_at


@pytest.fixture
def ceiling(state):
    return state.revision_ceiling


async def test_the_first_start_finds_an_instance_number_and_nothing_reserved(ceiling):
    found = await ceiling.load()

    assert 1 <= found.instance <= 1023
    assert found.ceiling_tick == 0 or found.ceiling_tick > tick_at(datetime.now(UTC))  # where it may be forgotten


async def test_loading_again_finds_the_same(ceiling):
    assert await ceiling.load() == await ceiling.load()


async def test_what_was_reserved_is_found(ceiling):
    await ceiling.load()
    await ceiling.reserve(2**41 - 1)

    assert (await ceiling.load()).ceiling_tick == 2**41 - 1


async def test_the_ceiling_is_never_lowered(ceiling):
    found = await ceiling.load()
    begin = found.ceiling_tick
    await ceiling.reserve(begin + 100)
    await ceiling.reserve(begin + 7)
    await asyncio.gather(*(ceiling.reserve(begin + tick) for tick in (90, 300, 200, 100)))

    assert (await ceiling.load()).ceiling_tick == begin + 300
    assert (await ceiling.load()).instance == found.instance
