"""What a worker observes arrives in the service as it was."""

from __future__ import annotations

import asyncio
import logging
import socket
import typing
from collections.abc import AsyncIterator

import msgspec
import pytest

from adapters.pipe.channel import Channel
from adapters.pipe.messages import FROM_WORKER, TO_WORKER, Logged, Observed
from adapters.pipe.reports import MOST_CHARACTERS, PipedLogs, PipedObserver
from domain.model.observations import BatchFlushed, FlushFailed, Observation
from domain.model.tracing import Trace

KINDS = typing.get_args(Observation)
PLAIN = {bool: True, str: "ein Text – 文本 \x00 \ud7ff", int: 2**40, float: 0.25, tuple[str, ...]: ("a", "ü")}


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Channel, Channel]]:
    near, far = socket.socketpair()
    service, worker = Channel(near, FROM_WORKER), Channel(far, TO_WORKER)
    yield service, worker
    await service.close()
    await worker.close()


def sample(kind: type) -> Observation:
    """One of a kind, with something in every plain field."""
    given = {field.name: PLAIN.get(field.type) for field in msgspec.structs.fields(kind)}
    given = {name: value for name, value in given.items() if value is not None}
    if kind is BatchFlushed:
        given["statuses"] = (("pending", 3), ("completed", 4))
    return kind(**given | {"trace": Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_every_kind_of_observation_arrives_as_it_was(ends: tuple[Channel, Channel], kind: type) -> None:
    service, worker = ends
    PipedObserver(worker)(sample(kind))
    assert (await service.receive())[0] == Observed(sample(kind))


async def test_an_observation_that_is_too_large_or_cannot_be_sent_harms_nobody(ends: tuple[Channel, Channel]) -> None:
    service, worker = ends
    observe = PipedObserver(worker)
    failed = FlushFailed(collection="tasks", error="x", detail="y" * (65 << 20), attempt=1, retry_in_seconds=1.0)
    observe(failed)
    observe(msgspec.structs.replace(failed, detail="\ud800"))
    observe(msgspec.structs.replace(failed, detail="small"))
    assert (await service.receive())[0] == Observed(msgspec.structs.replace(failed, detail="small"))


async def test_a_librarys_log_arrives_from_any_thread_with_its_traceback(ends: tuple[Channel, Channel]) -> None:
    service, worker = ends
    logger = logging.Logger("library")
    logger.addHandler(PipedLogs(worker))

    def fail() -> None:
        logger.info("not for the service")
        try:
            raise ZeroDivisionError("whoops")
        except ZeroDivisionError:
            logger.exception("It broke: %s.", "badly")

    await asyncio.to_thread(fail)
    message = (await service.receive())[0]
    assert isinstance(message, Logged)
    assert (message.level, message.logger) == (logging.ERROR, "library")
    assert message.text.startswith("It broke: badly.\nTraceback")
    assert message.text.endswith("ZeroDivisionError: whoops")


async def test_a_long_log_line_is_cut(ends: tuple[Channel, Channel]) -> None:
    service, worker = ends
    logger = logging.Logger("library")
    logger.addHandler(PipedLogs(worker))
    logger.warning("x" * 10 * MOST_CHARACTERS)
    assert len((await service.receive())[0].text) == MOST_CHARACTERS
