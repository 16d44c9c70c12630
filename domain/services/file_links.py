"""Links to the content of files: past the service, between a client and the object store.

What is put by a link is the one piece of an upload. It becomes a file when somebody says that it is there, and not
before it was read back and is what was announced; what is never completed expires like any upload.
"""

from __future__ import annotations

from collections.abc import Callable

from domain.errors import AbilityMissing, ObjectNotFound, PayloadTooLarge
from domain.model.files import FILES
from domain.model.links import MAX_LINKED_BYTES, Link, Shown, Validity
from domain.model.origin import Origin
from domain.model.records import Record
from domain.model.uploads import Plan
from domain.services.buffer import NOBODY
from domain.services.files import object_of
from domain.services.query import QueryService
from domain.services.query_rules import checked_key
from domain.services.uploads import UploadService, piece_name
from ports.ambient import Clock
from ports.object_links import ObjectLinks
from ports.object_store import ObjectStore


class FileLinks:
    """Gives links where the object store has the ability."""

    def __init__(self, objects: ObjectStore, query: QueryService, uploads: UploadService, clock: Clock) -> None:
        self._objects = objects
        self._query = query
        self._uploads = uploads
        self._clock = clock

    async def to_get(self, file_id: str, seconds: int, shown: Callable[[Record], Shown]) -> Link:
        """A link to the content that a file has now; ``shown``: what is said of it there.

        Raises AbilityMissing, RecordNotFound, ObjectNotFound, Replaying, BackendError.
        """
        store = self._able()
        record = await self._query.get(FILES, checked_key(FILES, file_id))
        name = object_of(record)
        if await self._objects.stat(name) is None:
            raise ObjectNotFound(f"The content of file {file_id!r} is not in the object store.")
        return store.link_to_get(name, self._valid(seconds), shown(record))

    async def to_put(self, plan: Plan, seconds: int, *, origin: Origin = NOBODY) -> tuple[str, Link]:
        """Begin an upload whose content is put by a link: the upload's id, and the link.

        Raises AbilityMissing, PayloadTooLarge, and as beginning an upload does.
        """
        store = self._able()
        if plan.length > MAX_LINKED_BYTES:
            raise PayloadTooLarge(f"By a link {MAX_LINKED_BYTES} bytes can be sent; take an upload in pieces instead.")
        state = await self._uploads.begin(plan, origin=origin)
        name, sha256 = piece_name(state.upload_id, 0), bytes.fromhex(plan.sha256)
        return state.upload_id, store.link_to_put(name, self._valid(seconds), size=plan.length, sha256=sha256)

    def _able(self) -> ObjectLinks:
        if not isinstance(self._objects, ObjectLinks):
            raise AbilityMissing(
                'The object store lacks the ability `presigned_urls`: only a bucket has it (`objects.type = "s3"`).'
            )
        return self._objects

    def _valid(self, seconds: int) -> Validity:
        return Validity(since=self._clock.now(), seconds=seconds)
