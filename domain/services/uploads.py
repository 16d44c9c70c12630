"""Resumable uploads: pieces are durable one by one, and become a file when the last one is there.

The state of an upload is its objects alone, so that any instance that sees the object store can go on with it:
``upload-ID-plan``, a piece for each stretch (``upload-ID-`` and its offset), and ``upload-ID-done`` once the file is
stored. Each is put whole, and once: of two that write one offset the second is refused, so pieces neither overlap nor
leave a gap. The file is put together from them like any other, and is there whole or not at all.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec

from domain.errors import (
    BackendError,
    DigestMismatch,
    ObjectExists,
    ObjectNotFound,
    PayloadTooLarge,
    PersistenceError,
    PreconditionFailed,
    UploadIncomplete,
    UploadNotFound,
    UploadOffsetMismatch,
)
from domain.model.files import Swept
from domain.model.objects import StoredObject
from domain.model.origin import Origin
from domain.model.records import Record
from domain.model.uploads import EXPIRY, MAX_PIECES, PIECE_BYTES, UPLOAD_PREFIX, Plan, UploadState
from domain.services.buffer import NOBODY
from domain.services.files import FileService, object_of
from domain.services.key_locks import KeyLocks
from ports.ambient import Clock, Ids
from ports.object_store import ObjectStore

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
FINISHING = 4  # uploads that become files at once; each holds some memory, and whoever looks at one may begin it
_PLAN, _DONE = "plan", "done"
_PLANS = msgspec.json.Decoder(Plan)


class UploadService:
    """Takes the content of new files in as many requests as it needs."""

    def __init__(self, objects: ObjectStore, files: FileService, ids: Ids, clock: Clock) -> None:
        self._objects = objects
        self._files = files
        self._ids = ids
        self._clock = clock
        self._locks = KeyLocks()
        self._finishing = asyncio.Semaphore(FINISHING)

    @property
    def max_bytes(self) -> int:
        """Of one file."""
        return self._files.limits.max_bytes

    async def begin(self, plan: Plan, *, origin: Origin = NOBODY) -> UploadState:
        """Begin an upload of a new file; one without content is stored at once.

        Raises InvalidParameter, InvalidRecords, UnsupportedMediaType, PayloadTooLarge, PreconditionFailed,
        BackendError.
        """
        self._files.check_size(plan.length)
        await self._files.check_new(plan.file)
        upload_id = self._ids.request_id().replace("-", "")
        await self._objects.put(_named(upload_id, _PLAN), _once(msgspec.json.encode(plan)))
        return await self.state(upload_id, origin=origin)

    async def state(self, upload_id: str, *, origin: Origin = NOBODY) -> UploadState:
        """How far an upload is; one whose content is complete is made a file first.

        Raises UploadNotFound, BackendError, and what storing a file raises.
        """
        state, pieces = await self._look(upload_id)
        if state.is_complete and pieces is not None:
            await self._finish(state, origin)
        return state

    async def complete(self, upload_id: str, *, origin: Origin = NOBODY) -> Record:
        """The file that an upload has become, made now if it was not.

        Raises UploadNotFound, UploadIncomplete, RecordNotFound where it was deleted meanwhile, BackendError, and what
        storing a file raises.
        """
        state = await self.state(upload_id, origin=origin)
        if not state.is_complete:
            raise UploadIncomplete(f"{state.offset} bytes are there, of {state.plan.length}.")
        return await self._files.record(state.plan.file_id)

    async def append(
        self,
        upload_id: str,
        offset: int,
        content: AsyncIterator[bytes],
        *,
        whole: bool = False,
        origin: Origin = NOBODY,
    ) -> UploadState:
        """Take content from ``offset`` on, and return how far the upload is then.

        ``whole``: all of it, or nothing where ``content`` raises; else what came before is kept, and the error raised.
        Raises UploadNotFound, UploadOffsetMismatch, PayloadTooLarge, BackendError, and whatever ``content`` and storing
        a file raise.
        """
        state, pieces = await self._look(upload_id)
        if offset != state.offset:
            raise UploadOffsetMismatch(f"The upload goes on at {state.offset}, not at {offset}.")
        stretch = _Stretch(content, keep=not whole)
        taken = len(pieces or ())
        while not state.is_complete and await stretch.has_more():
            if taken >= MAX_PIECES:
                raise PayloadTooLarge(f"An upload has at most {MAX_PIECES} pieces; send larger ones.")
            room = state.plan.length - state.offset
            size = await self._put(state, stretch.piece(room if whole else min(room, PIECE_BYTES), room))
            state = msgspec.structs.replace(state, offset=state.offset + size, expires_at=self._clock.now() + EXPIRY)
            taken += 1
        if await stretch.has_more():
            raise _too_much(state)
        if stretch.error is not None:
            raise stretch.error
        if state.is_complete:
            return await self.state(upload_id, origin=origin)
        return state

    async def end(self, upload_id: str) -> None:
        """Forget an upload; a file that it became stays. Raises UploadNotFound, BackendError."""
        names = await self._names(upload_id)
        for found in sorted(names, key=lambda one: not one.name.endswith(_PLAN)):  # first: then it is gone for all
            await self._objects.delete(found.name)

    async def expire(self) -> Swept:
        """Forget the uploads whose last piece is older than a day. Raises BackendError."""
        before, seen, removed, freed = self._clock.now() - EXPIRY, 0, 0, 0
        latest: dict[str, datetime] = {}
        async for portion in self._objects.list(UPLOAD_PREFIX):
            seen += len(portion)
            for found in portion:
                upload_id = found.name.removeprefix(UPLOAD_PREFIX).partition("-")[0]
                latest[upload_id] = max(found.stored_at, latest.get(upload_id, found.stored_at))
        for upload_id in [one for one, moment in latest.items() if moment < before]:
            with suppress(UploadNotFound):
                gone = await self._names(upload_id)
                await self.end(upload_id)
                removed, freed = removed + len(gone), freed + sum(one.size for one in gone)
        return Swept(seen=seen, removed=removed, freed_bytes=freed)

    async def _look(self, upload_id: str) -> tuple[UploadState, Sequence[StoredObject] | None]:
        """The state, and the pieces; None where they have become a file."""
        names = await self._names(upload_id)
        plan = await self._plan(upload_id)
        is_done = any(found.name == _named(upload_id, _DONE) for found in names)
        pieces = _consecutive(upload_id, names)
        state = UploadState(
            upload_id=upload_id,
            plan=plan,
            offset=plan.length if is_done else sum(piece.size for piece in pieces),
            expires_at=max(found.stored_at for found in names) + EXPIRY,
        )
        return state, None if is_done else pieces

    async def _names(self, upload_id: str) -> list[StoredObject]:
        """The objects of an upload, in order. Raises UploadNotFound."""
        if not _ID.fullmatch(upload_id):
            raise UploadNotFound
        found = [one async for portion in self._objects.list(_named(upload_id, "")) for one in portion]
        if not found:
            raise UploadNotFound
        return found

    async def _plan(self, upload_id: str) -> Plan:
        try:
            text = b"".join([piece async for piece in self._objects.get(_named(upload_id, _PLAN))])
        except ObjectNotFound:
            raise UploadNotFound from None
        return _PLANS.decode(text)

    async def _put(self, state: UploadState, piece: AsyncIterator[bytes]) -> int:
        name = piece_name(state.upload_id, state.offset)
        try:
            return (await self._objects.put(name, piece)).size
        except ObjectExists:
            raise UploadOffsetMismatch("Another request has just gone on with this upload.") from None

    async def _finish(self, state: UploadState, origin: Origin) -> None:
        """Make the file of the pieces, once; whoever comes second finds it done."""
        async with self._locks.held(UPLOAD_PREFIX, [state.upload_id]):
            found, pieces = await self._look(state.upload_id)
            if pieces is None:
                return
            if not found.is_complete:
                raise UploadIncomplete("Some of its pieces have just been deleted.")
            await self._files.settle()  # or an outage of the backend would cost one more copy of it at each look
            async with self._finishing:
                await self._store(state, pieces, origin)
            with suppress(ObjectExists):
                await self._objects.put(_named(state.upload_id, _DONE), _once(b""))
            for piece in pieces:
                with suppress(BackendError):  # those that stay expire
                    await self._objects.delete(piece.name)

    async def _store(self, state: UploadState, pieces: Sequence[StoredObject], origin: Origin) -> None:
        plan, content, mark = state.plan, self._joined(pieces), state.upload_id
        sha256 = bytes.fromhex(plan.sha256) or None
        try:
            await self._files.store(plan.file, content, sha256=sha256, only_new=True, origin=origin, mark=mark)
        except PreconditionFailed as error:
            if not _is_of(error.current, mark):  # else an earlier try stored it, and ended then
                raise
        except ObjectNotFound:
            if (await self._look(mark))[1] is not None:  # else another instance stored it, and removed the pieces
                raise
        except DigestMismatch:
            await self.end(mark)  # it can become nothing else
            raise

    async def _joined(self, pieces: Sequence[StoredObject]) -> AsyncIterator[bytes]:
        for piece in pieces:
            async for some in self._objects.get(piece.name):
                yield some


class _Stretch:
    """The content of one request, cut into pieces; its error is kept until what came before is stored."""

    def __init__(self, content: AsyncIterator[bytes], *, keep: bool) -> None:
        self.error: PersistenceError | None = None
        self._content = content
        self._keep = keep
        self._held = b""

    async def has_more(self) -> bool:
        """Whether there is at least one more byte."""
        while not self._held and self.error is None:
            try:
                self._held = await anext(self._content)
            except StopAsyncIteration:
                return False
            except PersistenceError as error:
                if not self._keep:
                    raise
                self.error = error
        return bool(self._held)

    async def piece(self, size: int, room: int) -> AsyncIterator[bytes]:
        """The next bytes, ``size`` at most. Raises PayloadTooLarge where more come than there is ``room`` for."""
        left = size
        while left and await self.has_more():
            some, self._held = self._held[:left], self._held[left:]
            left -= len(some)
            yield some
        if size == room and not left and await self.has_more():
            raise PayloadTooLarge("The content is longer than was said when the upload was begun.")


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def piece_name(upload_id: str, offset: int) -> str:
    """The object that holds the content from ``offset`` on."""
    return _named(upload_id, f"{offset:020}")


def _consecutive(upload_id: str, names: Sequence[StoredObject]) -> list[StoredObject]:
    """The pieces that begin where the one before ends, whatever a list of the store's lacks, or says twice."""
    pieces, offset = list[StoredObject](), 0
    for found in names:
        if found.name == piece_name(upload_id, offset):
            pieces.append(found)
            offset += found.size
    return pieces


def _named(upload_id: str, part: str) -> str:
    return f"{UPLOAD_PREFIX}{upload_id}-{part}"


def _is_of(record: msgspec.Struct | None, upload_id: str) -> bool:
    return isinstance(record, Record) and object_of(record).endswith(f"-{upload_id}")


def _too_much(state: UploadState) -> PayloadTooLarge:
    return PayloadTooLarge(f"The upload has {state.plan.length} bytes, as was said when it was begun; more were sent.")
