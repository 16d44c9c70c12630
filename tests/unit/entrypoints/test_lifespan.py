"""Opening and closing everything, in order."""

import asyncio
import errno

import pytest
from dependency_injector import providers

from adapters.journal.real_files import RealFiles
from adapters.journal.write_buffer import LocalJournal
from domain.errors import BackendUnavailable, DataFolderLocked, JournalFailed
from domain.model.observations import UncleanStart
from domain.model.translation import SESSIONS
from entrypoints.container import Container
from entrypoints.lifespan import Ending, opened, running
from entrypoints.settings import load_settings

RECORD = b'[{"session_id":"s1","status":"pending","source_lang":"en","target_lang":"de"}]'


@pytest.fixture
def container(tmp_path):
    def build(**flags):
        flags = {"data_dir": str(tmp_path / "data"), "log": {"level": "critical"}} | flags
        return Container(settings=load_settings(environ={}, flags=flags))

    return build


class Door:
    """A resource that writes down what happens to it."""

    def __init__(self, name, seen, fails=False):
        self.name, self.seen, self.fails = name, seen, fails

    async def open(self):
        self.seen.append(f"open {self.name}")
        if self.fails:
            raise DataFolderLocked

    async def close(self):
        self.seen.append(f"close {self.name}")


async def test_resources_are_closed_in_reverse():
    seen = []
    async with opened(Door("a", seen), Door("b", seen)):
        seen.append("run")
    assert seen == ["open a", "open b", "run", "close b", "close a"]


async def test_a_failed_opening_closes_what_was_opened():
    seen = []
    with pytest.raises(DataFolderLocked):
        async with opened(Door("a", seen), Door("b", seen, fails=True), Door("c", seen)):
            seen.append("run")
    assert seen == ["open a", "open b", "close b", "close a"]


async def test_what_was_acknowledged_is_stored_at_the_end(container):
    first = container()
    async with running(first) as run:
        await first.buffer().accept(SESSIONS, RECORD)
    assert (run.ending, run.left) == (Ending.CLEAN, 0)
    second = container()
    async with running(second):
        assert (await second.query().get(SESSIONS, "s1")).key == "s1"
        assert not (await second.buffer().depths())[SESSIONS.name].records


async def test_a_second_service_on_the_folder_is_refused_and_the_first_goes_on(container):
    first = container()
    async with running(first):
        with pytest.raises(DataFolderLocked):
            async with running(container()):
                pass
        assert (await first.buffer().accept(SESSIONS, RECORD)).count == 1


async def test_rows_that_a_hurry_leaves_stay_in_the_journal_for_the_next_start(container):
    first = container(buffer={"linger_seconds": 30})
    backend = first.backends().adapters["main"]

    async def unavailable(*_, **__):
        raise BackendUnavailable

    backend.write = unavailable
    async with running(first) as run:
        await first.buffer().accept(SESSIONS, RECORD)
        first.stop().hurry.set()
    assert (run.ending, run.left) == (Ending.ROWS_REMAIN, 1)
    second = container()
    async with running(second) as run:
        assert (await second.query().get(SESSIONS, "s1")).key == "s1"
    assert (run.ending, run.left) == (Ending.CLEAN, 0)


class DyingDisk(RealFiles):
    """A real disk until it is told to die."""

    dead = False

    def fdatasync(self, handle):
        if self.dead:
            raise OSError(errno.EIO, "Input/output error")
        super().fdatasync(handle)


def on(disk, built):
    """The container with its journal on another disk."""
    lanes = [collection.name for collection in built.collections()]
    folder, observer, clock = built.settings().journal_folder, built.observer(), built.clock()
    built.journal.override(providers.Object(LocalJournal(folder, lanes, observer, clock, files=disk)))
    return built


async def test_a_failed_fsync_of_an_append_ends_the_process_with_70(container):
    disk = DyingDisk()
    built = on(disk, container())
    async with running(built) as run:
        disk.dead = True
        with pytest.raises(JournalFailed):
            await built.buffer().accept(SESSIONS, RECORD)
        async with asyncio.timeout(5):
            await built.stop().requested.wait()
        assert not built.buffer().accepting
    assert run.ending is Ending.BROKEN


async def test_a_failed_fsync_of_a_watermark_ends_the_process_with_70(container):
    disk = DyingDisk()
    built = on(disk, container(buffer={"linger_seconds": 0.2}))
    async with running(built) as run:
        await built.buffer().accept(SESSIONS, RECORD)
        disk.dead = True  # while the record lingers
        async with asyncio.timeout(5):
            await built.stop().requested.wait()
    assert run.ending is Ending.BROKEN


async def test_a_run_that_was_cut_off_is_told_by_the_next_one_and_not_by_the_one_after(container, tmp_path):
    seen = []

    def telling():
        built = container()
        built.observer.override(providers.Object(seen.append))
        return built

    for mark_before, expected in ((False, 0), (True, 1), (False, 1)):
        if mark_before:
            (tmp_path / "data" / "running").touch()  # what a killed process leaves
        async with running(telling()):
            assert (tmp_path / "data" / "running").exists()
        assert not (tmp_path / "data" / "running").exists()
        assert sum(isinstance(each, UncleanStart) for each in seen) == expected


async def test_a_run_that_ends_with_a_broken_disk_is_no_clean_end(container, tmp_path):
    broken = container()
    async with running(broken) as run:
        broken.stop().fail()
    assert run.ending is Ending.BROKEN
    assert (tmp_path / "data" / "running").exists()
