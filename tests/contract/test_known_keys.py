"""Which requests under a key were carried out: over every log, with what it keeps of keys."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from adapters.memory.write_buffer import MemoryWriteBuffer
from adapters.redis.idempotency_keys import RedisIdempotencyKeys
from adapters.redis.server import RedisServer
from adapters.redis.write_buffer import RedisWriteBuffer
from adapters.system.clock import SystemClock
from domain.model.frames import FrameDraft, FrameHeaders
from domain.model.idempotency import IdempotencyKey, KeyedFrame, KeyedPart
from domain.model.secret import Secret
from domain.services.keyed_log import KeyedLog, LogKeys
from tests.contract.adapters import STATES

LANES = ("translation_sessions", "translation_tasks")
TASKS = "translation_tasks"
NOW = datetime.now(UTC).replace(microsecond=123_457)  # a key is kept for a day from then
KEY = IdempotencyKey("ann", "POST /api/v1/translation/tasks/batch", "k")
OTHERS = [
    IdempotencyKey("", KEY.operation, KEY.text),
    IdempotencyKey(KEY.caller, "PATCH /api/v1/translation/tasks/batch", KEY.text),
    IdempotencyKey(KEY.caller, KEY.operation, "K"),
]


@pytest.fixture(params=[*STATES, "redis"])
async def known(request, tmp_path):
    """A log, and its keys."""
    with ExitStack() as stack:
        if request.param == "redis":
            server = RedisServer(Secret(stack.enter_context(request.getfixturevalue("redis").database()).dsn))
            keys = RedisIdempotencyKeys(server, LANES, 2)
            log = RedisWriteBuffer(
                server, LANES, lambda _: None, SystemClock(), partition=1, partitions=2, claims=keys.ends
            )
            resources = [log]
        else:
            state, inner = STATES[request.param](tmp_path), MemoryWriteBuffer(LANES)
            keys = LogKeys(state.idempotency_keys, SystemClock())
            log = KeyedLog(inner, keys)
            resources = [state, inner]
        for resource in resources:
            if hasattr(resource, "open"):
                await resource.open()
        yield log, keys
        for resource in reversed(resources):
            await resource.close()


async def append(log, key: IdempotencyKey | None = KEY, number: int = 0, count: int = 1, names=()) -> KeyedFrame:
    """A frame, as the keys shall tell of it."""
    headers = FrameHeaders()
    if key:
        headers = FrameHeaders(
            principal=key.caller or None,
            idempotency_key=key.scoped,
            body_digest=bytes(range(32)),
            part=number,
            epoch=7,
            keys=names,
        )
    draft = FrameDraft(
        accepted_at=NOW, first_revision=(1 << 62) + 5, count=count, payload=b"[{}]" * count, headers=headers
    )
    position = await log.append(TASKS, draft)
    return KeyedFrame(
        part=KeyedPart(key=key or KEY, number=number, digest=bytes(range(32)), keys=names),
        lane=TASKS,
        epoch=7,
        first=position.first,
        last=position.last,
        first_revision=(1 << 62) + 5,
        accepted_at=NOW,
    )


async def test_a_key_has_one_holder_until_it_is_given_back(known):
    _, keys = known
    assert await keys.hold(KEY)
    assert not await keys.hold(KEY)
    assert [await keys.hold(other) for other in OTHERS] == [True] * 3
    await keys.release(KEY, at_once=True)
    assert await keys.hold(KEY)
    for key in [KEY, *OTHERS]:
        await keys.release(key, at_once=True)


async def test_of_many_at_once_one_holds(known):
    _, keys = known
    assert sum(await asyncio.gather(*(keys.hold(KEY) for _ in range(30)))) == 1
    await keys.release(KEY, at_once=True)


async def test_a_frame_is_known_from_its_append_on_and_when_it_has_left_the_log(known):
    log, keys = known
    await keys.hold(KEY)
    assert list(await keys.find(KEY)) == []
    before = (await append(log, key=None)).last
    frame = await append(log, count=3, names=("a", "é\n\0'", "🎈"))
    assert list(await keys.find(KEY)) == [frame]
    await log.commit(TASKS, log.partition, "primary", before)
    assert list(await keys.find(KEY)) == [frame]
    await log.commit(TASKS, log.partition, "primary", frame.last)
    assert list(await keys.find(KEY)) == [frame]
    await keys.release(KEY, at_once=True)


async def test_the_parts_of_a_request_are_known_and_those_of_others_are_not(known):
    log, keys = known
    every = [KEY, *OTHERS]
    for key in every:
        assert await keys.hold(key)
    frames = [[await append(log, key, number) for number in range(3)] for key in every]
    await log.commit(TASKS, log.partition, "primary", frames[0][1].last)
    for key, mine in zip(every, frames, strict=True):
        assert list(await keys.find(key)) == mine
        await keys.release(key, at_once=True)
