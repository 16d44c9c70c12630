"""A worker that dies, hangs, cannot start or is told to end: what the service does, and what it says."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from adapters.pipe.channel import Channel
from adapters.pipe.messages import FROM_WORKER, Farewell, Greeting, Ping, Pong, Ready
from domain.errors import FlushIncomplete
from domain.model.built_in import BUILT_IN
from domain.model.observations import WorkerEnded, WorkerStarted
from domain.model.translation import TASKS
from entrypoints.lifespan import Ending, running
from entrypoints.settings import environment_of_workers
from entrypoints.version import VERSION
from entrypoints.worker import conversation, process
from tests.integration.worker.conftest import SECONDS, House, kill, lives, until
from tests.unit.domain.services.house import task

pytestmark = pytest.mark.slow


async def test_who_waits_when_a_worker_dies_is_served_by_the_next_one(house: House) -> None:
    async with running(house.container):
        first = await house.pid()
        os.kill(first, signal.SIGSTOP)
        await house.post(task("a"))
        waiting = asyncio.create_task(house.flush())
        await asyncio.sleep(0.2)
        kill(first)
        await waiting
        assert house.stored() == 1
        assert await house.pid(2) != first
    assert [seen.reason for seen in house.observed(WorkerEnded)] == ["it was killed by SIGKILL"]


async def test_a_worker_that_hangs_is_named_given_up_and_replaced(tmp_path: Path) -> None:
    house = House(tmp_path / "data", ping_seconds=0.5, grace_seconds=0.2)
    async with running(house.container):
        first = await house.pid()
        os.kill(first, signal.SIGSTOP)
        await house.post(task("a"))
        states = house.container.flush().states
        await until(lambda: states()[TASKS.name].last_error == "The worker process does not answer.")
        with pytest.raises(FlushIncomplete, match=r"1 records of translation_tasks \(The worker process does not"):
            await house.flush(0.05)
        await house.post(task("b"))  # intake does not care
        await house.flush()
        assert (house.stored(), lives(first)) == (2, False)
        assert states()[TASKS.name].last_error is None
    (ended,) = house.observed(WorkerEnded)
    assert ended.reason == "it did not answer for 1.5 s"


async def test_what_is_wanted_of_a_worker_that_hangs_does_not_pile_up(house: House) -> None:
    async with running(house.container):
        os.kill(await house.pid(), signal.SIGSTOP)
        waits = []
        for number in range(300):
            await house.post(task(f"t{number}"))
            waits.append(asyncio.create_task(house.flush()))
            await asyncio.sleep(0)
        supervisor = house.worker()
        assert len(supervisor._conversation._channel._queue) < 10
        os.kill(await house.pid(), signal.SIGCONT)
        await asyncio.gather(*waits)
        assert house.stored() == 300


async def test_a_pause_of_the_whole_service_is_not_taken_for_a_worker_that_hangs(tmp_path: Path) -> None:
    house = House(tmp_path / "data", ping_seconds=0.2)
    async with running(house.container):
        await house.pid()
        for _ in range(3):
            time.sleep(1.0)  # noqa: ASYNC251  (nothing runs in this process, as if it were stopped)
            await asyncio.sleep(0.05)
        await house.post(task("a"))
        await house.flush()
    assert house.observed(WorkerEnded) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
async def test_signals_to_the_whole_group_leave_the_worker_to_the_service(house: House, number: signal.Signals) -> None:
    async with running(house.container):
        pid = await house.pid()
        os.kill(pid, number)
        await house.post(task("a"))
        await house.flush()
        assert lives(pid)
    assert not lives(pid)
    assert house.observed(WorkerEnded) == []


async def test_a_worker_survives_them_from_its_first_moment(house: House) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        worker = process.start(process.COMMAND, environment_of_workers(), theirs)
    worker.send_signal(signal.SIGTERM)
    worker.send_signal(signal.SIGINT)
    channel = Channel(ours, FROM_WORKER)
    channel.post(house.worker()._greeting)
    house.container.settings().data_folder.mkdir()
    async with asyncio.timeout(SECONDS):
        assert (await channel.receive())[0] == Ready()
        channel.post(Ping())
        assert (await channel.receive())[0] == Pong()
        await channel.close()
        assert await process.end(worker, SECONDS) == "it ended with exit code 0"


async def test_a_worker_that_does_not_end_when_told_is_killed(tmp_path: Path) -> None:
    house = House(tmp_path / "data", grace_seconds=0.3)
    async with running(house.container) as run:
        pid = await house.pid()
        os.kill(pid, signal.SIGSTOP)
        await house.post(task("a"), task("b"))
        house.container.stop().hurry.set()
    assert not lives(pid)
    assert (run.ending, run.left) == (Ending.ROWS_REMAIN, 2)


async def test_a_program_that_is_missing_is_said_and_tried_again(tmp_path: Path) -> None:
    house = House(tmp_path / "data", command=[str(tmp_path / "python")])
    async with running(house.container) as run:
        await house.post(task("a"))
        await until(lambda: len(house.observed(WorkerEnded)) >= 3)
        with pytest.raises(FlushIncomplete, match=r"could not be started: .*No such file"):
            await house.flush(0.1)
        house.container.stop().hurry.set()
    pauses = [seen.retry_in_seconds for seen in house.observed(WorkerEnded)]
    assert pauses[:3] == [0.1, 0.2, 0.4]
    assert run.left == 1


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; sys.exit(3)", "it ended with exit code 3"),
        ("import os; os.kill(os.getpid(), 11)", "it was killed by SIGSEGV"),
        ("import os; os.write(0, b'Traceback (most recent call last)'); os.read(0, 1)", "it sent what is no message"),
    ],
)
async def test_a_program_that_is_no_worker_is_said(tmp_path: Path, program: str, reason: str) -> None:
    house = House(tmp_path / "data", command=[sys.executable, "-S", "-c", program])
    async with running(house.container):
        await until(lambda: house.observed(WorkerEnded))
        assert house.container.flush().states()[TASKS.name].last_error == f"The worker process ended: {reason}."


async def test_a_program_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "START_SECONDS", 0.3)
    house = House(tmp_path / "data", command=[sys.executable, "-S", "-c", "import time; time.sleep(99)"])
    async with running(house.container):
        await until(lambda: house.observed(WorkerEnded))
        state = house.container.flush().states()[TASKS.name]
    assert state.last_error == "The worker process ended: it said nothing for 0.3 s after its start."


async def farewell(greeting: Greeting | Ping) -> str:
    """What a worker says to a greeting that it cannot follow."""
    ours, theirs = socket.socketpair()
    with theirs:
        worker = process.start(process.COMMAND, environment_of_workers(), theirs)
    channel = Channel(ours, FROM_WORKER)
    channel.post(greeting)
    async with asyncio.timeout(SECONDS):
        message, _ = await channel.receive()
        await channel.close()
        assert await process.end(worker, SECONDS) == "it ended with exit code 0"
    assert isinstance(message, Farewell)
    return message.detail


async def test_a_worker_of_another_release_says_so() -> None:
    settings = House(Path("/nowhere")).container.settings().packed()
    told = await farewell(Greeting(release="0.0.1", settings=settings, lanes=()))
    assert told == f"release {VERSION} is installed, the service runs 0.0.1; restart the service"
    assert "the service runs unknown" in await farewell(Ping())


async def test_a_worker_that_cannot_open_its_backend_says_why(house: House) -> None:
    greeting = house.worker()._greeting
    told = await farewell(greeting)  # there is no data folder
    assert "state.db cannot be opened" in told
    assert str(house.container.settings().data_folder) in told


async def test_settings_that_mean_nothing_to_a_worker_are_named() -> None:
    settings = msgspec.msgpack.encode({"data_dir": "/nowhere", "backends": {"main": {"type": "oracle"}}})
    told = await farewell(Greeting(release=VERSION, settings=settings, lanes=(TASKS.name,)))
    assert told.startswith("backends.main.type: 'oracle' is not installed here")


async def test_settings_are_nowhere_but_in_the_pipe(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSISTENCE__BACKENDS__MAIN__PASSWORD", "s3cret")
    monkeypatch.setenv("KEPT", "yes")
    ours, theirs = socket.socketpair()
    with theirs, ours:
        worker = process.start(process.COMMAND, environment_of_workers(), theirs)
        shown = surroundings(worker.pid)
    await process.end(worker, SECONDS)
    assert b"KEPT=yes" in shown
    assert b"s3cret" not in shown
    assert b"PERSISTENCE__" not in shown


def surroundings(pid: int) -> bytes:
    """What others see of a process: its environment and its command line."""
    seen = Path(f"/proc/{pid}/environ")
    until = time.monotonic() + SECONDS
    while (
        not seen.read_bytes() and time.monotonic() < until
    ):  # the kernel shows neither while it puts a program in place
        time.sleep(0.001)
    return seen.read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_worker_started_by_hand_says_who_starts_it() -> None:
    ended = subprocess.run(process.COMMAND, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (78, "A worker is started by `persistence serve`, not by hand.\n")


async def test_the_greeting_names_the_lanes_that_a_worker_drains(house: House, tmp_path: Path) -> None:
    assert house.worker()._greeting.lanes == tuple(collection.name for collection in BUILT_IN)
    mixed = House(tmp_path / "mixed", inline=(TASKS.name,))
    assert mixed.worker()._greeting.lanes == tuple(found.name for found in BUILT_IN if found != TASKS)
    assert mixed.observed(WorkerStarted) == []
