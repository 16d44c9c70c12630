"""The durable bound that keeps revisions from going back."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture
def ceiling(state):
    return state.revision_ceiling


async def test_the_first_start_finds_an_instance_number_and_nothing_reserved(ceiling):
    found = await ceiling.load()

    assert 1 <= found.instance <= 1023
    assert found.ceiling_tick == 0


async def test_loading_again_finds_the_same(ceiling):
    assert await ceiling.load() == await ceiling.load()


async def test_what_was_reserved_is_found(ceiling):
    await ceiling.load()
    await ceiling.reserve(2**41 - 1)

    assert (await ceiling.load()).ceiling_tick == 2**41 - 1


async def test_the_ceiling_is_never_lowered(ceiling):
    instance = (await ceiling.load()).instance
    await ceiling.reserve(100)
    await ceiling.reserve(7)
    await asyncio.gather(*(ceiling.reserve(tick) for tick in (90, 300, 200, 100)))

    assert (await ceiling.load()).ceiling_tick == 300
    assert (await ceiling.load()).instance == instance
