"""Files: the content is durable before anything points at it, and is kept for as long as something may.

A file is a record of the collection ``files`` that names an object. The order of a store is: object put and verified →
record appended → record stored → former object removed. Whatever ends the process in between leaves an object that no
record names, never a record without its object; ``OrphanSweeper`` collects such objects later.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress

import msgspec

from domain.errors import (
    AbilityMissing,
    BackendError,
    InvalidRecords,
    ObjectNotFound,
    PayloadTooLarge,
    PreconditionFailed,
    UnsupportedMediaType,
    WriteConflict,
)
from domain.model.changes import Replaced
from domain.model.files import FILES, FileLimits, NewFile, OpenedFile, Part
from domain.model.objects import Written
from domain.model.origin import Origin
from domain.model.records import Record
from domain.services.buffer import NOBODY
from domain.services.changes import NO_KEY, ChangeService
from domain.services.file_rules import checked_changes, checked_id, checked_metadata, checked_name, checked_type
from domain.services.idempotency import Attempt
from domain.services.merging import Members
from domain.services.query import QueryService
from domain.services.query_rules import checked_key
from domain.services.schema import Schemas
from ports.ambient import Clock, Ids
from ports.object_store import ObjectStore

_NOTHING = Written(0, bytes(32))
_REFUSED = (PreconditionFailed, WriteConflict, InvalidRecords, AbilityMissing)  # no record was stored, nor will be
_TRIES = 2  # a file may be replaced in the moment it is opened


class FileService:
    """Keeps content in an object store, and what is known of it in a collection."""

    def __init__(
        self,
        objects: ObjectStore,
        schemas: Schemas,
        changes: ChangeService,
        query: QueryService,
        instance: Callable[[], int],
        ids: Ids,
        clock: Clock,
        limits: FileLimits,
    ) -> None:
        """``instance``: the number of this one, which its objects carry."""
        self._objects = objects
        self._schema = schemas.of(FILES.name)
        self._changes = changes
        self._query = query
        self._instance = instance
        self._ids = ids
        self._clock = clock
        self.limits = limits

    async def store(
        self,
        file: NewFile,
        content: AsyncIterable[bytes],
        *,
        sha256: bytes | None = None,
        if_match: Sequence[str] | None = None,
        only_new: bool = False,
        origin: Origin = NOBODY,
        mark: str = "",
    ) -> Replaced:
        """Keep a file; ``mark`` ends the name of its object. When this returns, its content and its record are stored.

        What can be refused is refused before the content is taken. Raises InvalidParameter, InvalidRecords,
        UnsupportedMediaType, PreconditionFailed, PayloadTooLarge, DigestMismatch, WriteConflict, Unavailable, and
        whatever ``content`` raises.
        """
        self._judge(file)
        await self._look(file.file_id, if_match, only_new=only_new)
        unique = "-".join(filter(None, (self._ids.request_id(), mark)))
        name = object_name(file.file_id, self._instance(), unique)
        written = await self._objects.put(name, self._bounded(content), sha256=sha256)
        members = _members(file, name, written)
        try:
            stored = await self._changes.replace(
                FILES, file.file_id, members, if_match=if_match, only_new=only_new, origin=origin
            )
        except _REFUSED:
            await self._remove(name)
            raise
        if stored.former is not None:
            await self._remove(object_of(stored.former))
        return stored

    async def open(self, file_id: str, choose: Callable[[Record], Part | None]) -> OpenedFile:
        """A file and the part of its content that ``choose`` asks for, the first piece of it read already.

        Raises RecordNotFound, ObjectNotFound, Replaying, BackendError, and whatever ``choose`` raises.
        """
        checked_key(FILES, file_id)
        for _ in range(_TRIES):
            record = await self._query.get(FILES, file_id)
            part = choose(record)
            if part is None:
                return OpenedFile(record=record, part=None, content=None)
            with suppress(ObjectNotFound):
                return OpenedFile(record=record, part=part, content=await self._begun(object_of(record), part))
        raise ObjectNotFound(f"The content of file {file_id!r} is not in the object store.")

    async def describe(
        self,
        file_id: str,
        patch: bytes,
        *,
        if_match: Sequence[str] | None = None,
        origin: Origin = NOBODY,
        attempt: Attempt = NO_KEY,
    ) -> Record:
        """Change what is said of a file by a merge patch, and return its record; the content stays as it is.

        Raises MalformedBody, and as a patch of any record does.
        """
        changes = checked_changes(file_id, patch, self.limits)
        return await self._changes.patch(FILES, file_id, changes, if_match=if_match, origin=origin, attempt=attempt)

    async def record(self, file_id: str) -> Record:
        """What is known of a file. Raises RecordNotFound, Replaying, BackendError."""
        return await self._query.get(FILES, file_id)

    async def settle(self) -> None:
        """Return when every file that was acknowledged so far is stored. Raises Replaying, FlushIncomplete."""
        await self._query.settle(FILES)

    async def check_new(self, file: NewFile) -> None:
        """Whether a new file would be taken. Raises as ``store`` does before the content is taken."""
        self._judge(file)
        await self._look(file.file_id, None, only_new=True)

    def check_size(self, size: int) -> None:
        """Raises PayloadTooLarge."""
        if size > self.limits.max_bytes:
            raise PayloadTooLarge(f"A file may have {self.limits.max_bytes} bytes; this one is larger.")

    def _judge(self, file: NewFile) -> None:
        checked_id(checked_key(FILES, file.file_id))
        checked_name(file.name)
        kind = checked_type(file.content_type)
        if not self.limits.take(kind):
            raise UnsupportedMediaType(self.limits.refusal(kind))
        checked_metadata(file.metadata)
        draft = {FILES.key: msgspec.Raw(msgspec.json.encode(file.file_id)), **_members(file, "", _NOTHING)}
        self._schema.check(b"[" + msgspec.json.encode(draft) + b"]", self._clock.now())

    async def _look(self, file_id: str, if_match: Sequence[str] | None, *, only_new: bool) -> None:
        """Refuse at once what would be refused when the content is there."""
        if if_match is None and not only_new:
            return
        visible = await self._query.visible(FILES, file_id)
        if only_new and visible is not None:
            raise PreconditionFailed(current=visible)
        if if_match is not None and (visible is None or not {"*", visible.tag} & set(if_match)):
            raise PreconditionFailed(current=visible)

    async def _bounded(self, content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for piece in content:
            size += len(piece)
            self.check_size(size)
            yield piece

    async def _remove(self, name: str) -> None:
        """Forget an object that nothing names; if that fails, the sweeper will."""
        with suppress(BackendError):
            await self._objects.delete(name)

    async def _begun(self, name: str, part: Part) -> AsyncGenerator[bytes, None]:
        pieces = self._objects.get(name, start=part.start, length=part.length)
        first = await anext(pieces, b"")

        async def content() -> AsyncGenerator[bytes, None]:
            async with aclosing(pieces):
                yield first
                async for piece in pieces:
                    yield piece

        return content()


def object_name(file_id: str, instance: int, unique: str) -> str:
    """A fresh name for the content of a file: by digest, since an id may be any text, and by who puts it."""
    return f"{hashlib.sha256(file_id.encode()).hexdigest()}-{instance}-{unique}"


def object_of(record: Record) -> str:
    """The object that a file's record names."""
    return str(record.values[FILES.positions["object"]])


def _members(file: NewFile, name: str, written: Written) -> Members:
    plain = {
        "name": file.name,
        "content_type": checked_type(file.content_type),
        "size": written.size,
        "sha256": written.sha256.hex(),
        "object": name,
    }
    members = {field: msgspec.Raw(msgspec.json.encode(value)) for field, value in plain.items()}
    return members | {"metadata": msgspec.Raw(file.metadata)}
