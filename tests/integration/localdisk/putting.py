"""A process that puts objects without end and says each that is put: ``python -m ... FOLDER FIRST [careless]``.

Careless, it writes under the final name at once, as a store must not: the audit of the kills has to find that out.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from adapters.localdisk.object_store import LocalDiskObjectStore

AT_ONCE = 4
PIECES = 40


def name_of(number: int) -> str:
    return f"{number % 5}x-{number}"


def pieces_of(name: str) -> list[bytes]:
    """What belongs into an object, by its name."""
    seed = hashlib.sha256(name.encode()).digest()
    return [seed * 2048] * (1 + seed[0] % PIECES)


async def content(name: str) -> AsyncIterator[bytes]:
    for piece in pieces_of(name):
        yield piece
        await asyncio.sleep(0)


async def careless(folder: Path, name: str) -> None:
    place = folder / name[:2]
    place.mkdir(exist_ok=True)
    with (place / name).open("wb") as file:
        async for piece in content(name):
            file.write(piece)


async def main(folder: Path, first: int, how: str) -> None:
    store = LocalDiskObjectStore(folder)
    await store.open()
    numbers = itertools.count(first)

    async def put() -> None:
        for number in numbers:
            name = name_of(number)
            await (careless(folder, name) if how == "careless" else store.put(name, content(name)))
            print(name, flush=True)

    await asyncio.gather(*(put() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
