"""Objects as files: written aside, synced, and only then given their name."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from pathlib import Path

from adapters.localdisk.folder import ObjectFolder, refusals, sync_file
from adapters.threads import in_object_thread
from domain.errors import BackendError, BackendUnavailable, DigestMismatch, ObjectNotFound
from domain.model.objects import StoredObject, Written, checked_name
from domain.model.records import HealthStatus
from ports.object_store import PIECE_BYTES, PORTION


class LocalDiskObjectStore:
    """An object store in a folder, for one process at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: ObjectFolder | None = None

    async def open(self) -> None:
        """Make the folder where it is missing. Raises BackendUnavailable, BackendExhausted."""
        if self._opened is None:
            with refusals(self._path):
                self._opened = await in_object_thread(ObjectFolder, self._path)

    async def close(self) -> None:
        """Let the folder go."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _folder(self) -> ObjectFolder:
        if self._opened is None:
            raise BackendUnavailable("The object store is not open.")
        return self._opened

    async def put(self, name: str, content: AsyncIterable[bytes], *, sha256: bytes | None = None) -> Written:
        """Write a file aside, sync it, and link it to its name: the kernel lets one of many do that."""
        checked_name(name)
        folder, temporary = self._folder, uuid.uuid4().hex
        with refusals(self._path):
            handle = await in_object_thread(folder.create, temporary)
        try:
            try:
                written = await self._write(handle, content)
                if sha256 not in (None, written.sha256):
                    raise DigestMismatch
                with refusals(self._path):
                    await in_object_thread(sync_file, handle)
            finally:
                os.close(handle)
            with refusals(self._path):
                await in_object_thread(folder.publish, temporary, name)
        finally:
            await in_object_thread(folder.discard, temporary)
        return written

    async def get(self, name: str, *, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """Read a file piece by piece; one that is deleted meanwhile is read to its end all the same."""
        checked_name(name)
        with refusals(self._path):
            handle = await in_object_thread(self._folder.open, name)
        try:
            place, end = start, None if length is None else start + length
            while end is None or place < end:
                wanted = PIECE_BYTES if end is None else min(PIECE_BYTES, end - place)
                with refusals(self._path):
                    piece = await in_object_thread(os.pread, handle, wanted, place)
                if not piece:
                    return
                place += len(piece)
                yield piece
        finally:
            os.close(handle)

    async def stat(self, name: str) -> StoredObject | None:
        """Size and time of a file."""
        checked_name(name)
        try:
            with refusals(self._path):
                return await in_object_thread(self._folder.stat, name)
        except ObjectNotFound:
            return None

    async def delete(self, name: str) -> None:
        """Unlink a file and sync its folder."""
        checked_name(name)
        with refusals(self._path):
            await in_object_thread(self._folder.delete, name)

    async def list(self, prefix: str = "") -> AsyncIterator[Sequence[StoredObject]]:
        """Folder by folder, in order; of one folder all names are held at once."""
        with refusals(self._path):
            places = await in_object_thread(self._folder.places, prefix)
        for place in places:
            with refusals(self._path):
                found = await in_object_thread(self._folder.within, place, prefix)
            for begin in range(0, len(found), PORTION):
                yield found[begin : begin + PORTION]

    async def health_check(self) -> HealthStatus:
        """Make a file and remove it."""
        begun = time.perf_counter()
        try:
            await in_object_thread(self._probe)
        except BackendError as error:
            healthy, detail = False, error.detail
        else:
            healthy, detail = True, f"local disk, {self._path}"
        return HealthStatus(healthy=healthy, detail=detail, latency_seconds=time.perf_counter() - begun)

    def _probe(self) -> None:
        folder, temporary = self._folder, uuid.uuid4().hex
        with refusals(self._path):
            os.close(folder.create(temporary))
        folder.discard(temporary)

    async def _write(self, handle: int, content: AsyncIterable[bytes]) -> Written:
        digest, size = hashlib.sha256(), 0
        async for piece in _gathered(content):
            with refusals(self._path):
                await in_object_thread(_append, handle, piece, digest.update)
            size += len(piece)
        return Written(size, digest.digest())


async def _gathered(content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces that are worth a thread's while."""
    held = bytearray()
    async for piece in content:
        for place in range(0, len(piece), PIECE_BYTES):
            held += piece[place : place + PIECE_BYTES]
            if len(held) >= PIECE_BYTES:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)


def _append(handle: int, piece: bytes, digest: Callable[[bytes], None]) -> None:
    digest(piece)
    view = memoryview(piece)
    while view:
        view = view[os.write(handle, view) :]
