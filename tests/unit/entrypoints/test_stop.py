"""The way a process is told to end."""

import asyncio
import os
import signal

from domain.model.observations import JournalBroken, ServiceStarted
from entrypoints.stop import Stop


async def test_sigterm_is_patient_and_sigint_is_not():
    stop = Stop()
    stop.listen()
    os.kill(os.getpid(), signal.SIGTERM)
    await stop.requested.wait()
    assert (stop.patient, stop.hurry.is_set()) == (True, False)
    os.kill(os.getpid(), signal.SIGINT)
    await stop.hurry.wait()
    assert not stop.patient


async def test_a_broken_journal_ends_the_process_at_once():
    stop = Stop()
    stop(ServiceStarted(url="http://x", instance=1))
    assert not stop.requested.is_set()
    stop(JournalBroken(lane="x", detail="EIO"))
    assert stop.failed
    assert stop.requested.is_set()
    assert stop.hurry.is_set()


async def test_a_pause_ends_with_the_hurry():
    stop = Stop()
    await stop.pause(0)
    pausing = asyncio.create_task(stop.pause(3600))
    await asyncio.sleep(0)
    stop.hurry.set()
    await pausing


async def test_work_is_finished_unless_there_is_a_hurry():
    stop = Stop()
    cleaned = []

    async def work(seconds):
        try:
            await asyncio.sleep(seconds)
        finally:
            cleaned.append(seconds)
        return "done"

    assert await stop.unless_hurried(work(0)) == "done"
    endless = asyncio.create_task(stop.unless_hurried(work(3600)))
    await asyncio.sleep(0)
    stop.hurry.set()
    assert await endless is None
    assert await stop.unless_hurried(work(3600)) is None  # begun, and ended at once
    assert cleaned == [0, 3600, 3600]
