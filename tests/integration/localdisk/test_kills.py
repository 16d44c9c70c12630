"""A process is killed in the middle of uploads: what it said is there whole, and nothing is there in part."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

from adapters.localdisk.object_store import LocalDiskObjectStore
from tests.integration.localdisk.putting import pieces_of

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("PERSISTENCE_OBJECT_KILLS", 10))


async def killed(folder: Path, first: int, how: str, chance: random.Random) -> list[str]:
    """The names that a process said before it was killed."""
    command = (sys.executable, "-m", "tests.integration.localdisk.putting", folder, str(first), how)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    first_line = await process.stdout.readline()
    await asyncio.sleep(chance.uniform(0, 0.15))
    process.kill()
    said = first_line + await process.stdout.read()
    await process.wait()
    return said[: said.rfind(b"\n") + 1].decode().split()  # a line that was cut says nothing


async def partial(folder: Path) -> tuple[set[str], set[str]]:
    """The objects there are after a new start, and those of them that are not whole."""
    store = LocalDiskObjectStore(folder)
    await store.open()
    try:
        assert list((folder / "tmp").iterdir()) == []
        names = {found.name async for portion in store.list() for found in portion}
        broken = {name for name in names if not await whole(store, name)}
    finally:
        await store.close()
    return names, broken


async def whole(store: LocalDiskObjectStore, name: str) -> bool:
    return b"".join([piece async for piece in store.get(name)]) == b"".join(pieces_of(name))


async def test_a_kill_leaves_no_object_in_part_and_loses_none_that_was_put(tmp_path):
    chance, folder, said = random.Random(7), tmp_path / "objects", set()
    for number in range(KILLS):
        said |= set(await killed(folder, number * 100_000, "store", chance))
    names, broken = await partial(folder)

    assert len(said) >= KILLS
    assert said - names == set()
    assert broken == set()
    print(f"{KILLS} kills: {len(said)} objects put, {len(names) - len(said)} more that nobody was told of, 0 in part")


async def test_the_audit_finds_a_store_that_writes_in_place(tmp_path):
    chance, folder = random.Random(7), tmp_path / "objects"
    for number in range(50):
        await killed(folder, number * 100_000, "careless", chance)
        if (await partial(folder))[1]:
            return
    pytest.fail("50 kills in the middle of writes, and the audit saw nothing")
