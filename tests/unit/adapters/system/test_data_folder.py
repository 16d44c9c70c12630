"""The lock on the data folder, and the probe that it can be written."""

import asyncio
import os
import sys

import pytest

from adapters.system.data_folder import DataFolder
from domain.errors import DataFolderLocked, DataFolderUnusable


async def test_a_missing_folder_is_made_and_taken(tmp_path):
    folder = DataFolder(tmp_path / "a" / "b")
    await folder.open()
    assert (tmp_path / "a" / "b" / "lock").read_text() == f"{os.getpid()}\n"
    assert not (tmp_path / "a" / "b" / "probe").exists()
    await folder.close()


async def test_a_second_holder_is_refused_by_name_and_does_not_disturb_the_first(tmp_path):
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    await first.open()
    for _ in range(2):
        with pytest.raises(DataFolderLocked, match=str(os.getpid())):
            await second.open()
    await first.close()
    await second.open()
    await second.close()


async def test_another_process_that_holds_the_folder_is_named(tmp_path):
    holder = (
        "import asyncio, pathlib, sys\n"
        "from adapters.system.data_folder import DataFolder\n"
        "asyncio.run(DataFolder(pathlib.Path(sys.argv[1])).open()); print('held', flush=True); sys.stdin.read()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", holder, str(tmp_path), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert await process.stdout.readline() == b"held\n"
    with pytest.raises(DataFolderLocked, match=str(process.pid)):
        await DataFolder(tmp_path).open()
    process.kill()  # a killed holder leaves nothing behind that has to be cleared
    await process.wait()
    folder = DataFolder(tmp_path)
    await folder.open()
    await folder.close()


async def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(DataFolderUnusable, match="data is a file, not a folder"):
        await DataFolder(tmp_path / "data").open()


async def test_a_folder_that_takes_no_new_file_is_refused(tmp_path):
    (tmp_path / "probe").mkdir()  # writing the probe fails, even for the superuser
    folder = DataFolder(tmp_path)
    with pytest.raises(DataFolderUnusable):
        await folder.open()
    (tmp_path / "probe").rmdir()
    await folder.open()  # the failed try has let go of the lock
    await folder.close()


async def test_closing_twice_is_harmless(tmp_path):
    folder = DataFolder(tmp_path)
    await folder.open()
    await folder.close()
    await folder.close()
