"""state.db across restarts, and when its folder is copied or moved."""

from __future__ import annotations

import shutil

import pytest

from adapters.sqlite.state import StateStore
from domain.errors import BackendUnavailable, StartFailure
from domain.model.dead_letters import EVERY_LETTER, LetterId
from domain.model.receipts import Epoch, WriteException
from domain.model.records import Verdict
from domain.model.revisions import SALTS
from tests.contract.test_dead_letters import letter


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "data"
    made.mkdir()
    return made


async def started(folder) -> StateStore:
    state = StateStore(folder / "state.db")
    await state.open()
    return state


async def test_everything_outlives_the_process(folder):
    state = await started(folder)
    first = await state.revision_ceiling.load()
    await state.revision_ceiling.reserve(123)
    await state.dead_letters.add([letter("a", 1)])
    await state.receipts.open_epoch("a", 1)
    fenced = WriteException(lane="a", sequence=1, key="k", verdict=Verdict.FENCED, code="fenced", detail="")
    await state.receipts.add([fenced])
    await state.close()

    state = await started(folder)
    found = await state.revision_ceiling.load()
    assert (found.instance, found.ceiling_tick, found.salt) == (first.instance, 123, first.salt)
    assert await state.dead_letters.get(LetterId("a", 1, 1)) == letter("a", 1)
    assert await state.receipts.exceptions("a", 1, 1) == (fenced,)
    assert await state.receipts.open_epoch("a", 2) == Epoch(2, 2)
    await state.close()


async def test_folders_that_drew_one_number_are_told_apart_by_their_salt(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    states = [await started(each) for each in (folder, other)]
    salts = [(await state.revision_ceiling.load()).salt for state in states]
    for state in states:
        await state.close()

    assert 0 < salts[0] < SALTS
    assert salts[0] != salts[1]


async def test_a_copied_folder_takes_a_new_instance_number_and_keeps_its_ceiling(folder, tmp_path):
    state = await started(folder)
    first = await state.revision_ceiling.load()
    await state.revision_ceiling.reserve(500)
    await state.close()
    shutil.copytree(folder, tmp_path / "copy")

    copy = await started(tmp_path / "copy")
    found = await copy.revision_ceiling.load()
    again = await copy.revision_ceiling.load()
    await copy.close()
    state = await started(folder)
    original = await state.revision_ceiling.load()
    await state.close()

    assert found.instance != first.instance
    assert 1 <= found.instance <= 1023
    assert (found.ceiling_tick, found.salt) == (500, first.salt)
    assert again == found
    assert original.instance == first.instance


async def test_a_moved_folder_keeps_its_instance_number(folder, tmp_path):
    state = await started(folder)
    first = await state.revision_ceiling.load()
    await state.close()
    folder.rename(tmp_path / "elsewhere")

    state = await started(tmp_path / "elsewhere")
    assert await state.revision_ceiling.load() == first
    await state.close()


async def test_a_folder_restored_from_a_backup_takes_a_new_instance_number(folder, tmp_path):
    state = await started(folder)
    first = await state.revision_ceiling.load()
    await state.close()
    shutil.copytree(folder, tmp_path / "backup")
    keep = folder.rename(tmp_path / "keep")  # so that its inode is not given away again
    shutil.copytree(tmp_path / "backup", folder)

    state = await started(folder)
    assert (await state.revision_ceiling.load()).instance != first.instance
    await state.close()
    assert keep.exists()


async def test_instance_numbers_differ_between_folders(tmp_path):
    numbers = set()
    for name in "abcdef":
        (tmp_path / name).mkdir()
        state = await started(tmp_path / name)
        numbers.add((await state.revision_ceiling.load()).instance)
        await state.close()

    assert len(numbers) > 1


async def test_a_damaged_state_stops_the_start(folder):
    (folder / "state.db").write_bytes(b"no database at all " * 100)

    with pytest.raises(StartFailure, match=r"state\.db cannot be opened"):
        await started(folder)


async def test_a_closed_state_is_unavailable(folder):
    state = await started(folder)
    await state.close()

    for call in (
        state.dead_letters.causes(),
        state.dead_letters.purge(EVERY_LETTER, limit=1),
        state.dead_letters.add([letter("a", 1)]),
        state.dead_letters.find(limit=1),
        state.dead_letters.get(LetterId("a", 1, 1)),
        state.dead_letters.remove([LetterId("a", 1, 1)]),
        state.receipts.epochs("a", 1),
        state.receipts.open_epoch("a", 1),
        state.receipts.add([]),
        state.receipts.exceptions("a", 1, 2),
        state.revision_ceiling.load(),
        state.revision_ceiling.reserve(1),
    ):
        with pytest.raises(BackendUnavailable):
            await call
