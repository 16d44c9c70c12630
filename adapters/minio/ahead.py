"""Parts on their way into a bucket, a few at once: the store writes one while the next ones come in."""

from __future__ import annotations

import asyncio
from collections import deque

from adapters.minio.upload import Upload
from adapters.threads import in_object_thread

AT_ONCE = 2  # parts of one upload, each with a thread and a connection; beside them a third one comes in


class PartsAhead:
    """Sends the parts of one upload in threads."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._number = 0
        self._sending: deque[asyncio.Task[None]] = deque()

    async def add(self, part: bytes) -> None:
        """Begin to send a part, when few enough are on their way. Raises what became of a former one."""
        self._number += 1
        if self._number == 1:
            await in_object_thread(self._upload.begin)
        if len(self._sending) == AT_ONCE:
            await self._sending.popleft()
        self._sending.append(asyncio.create_task(in_object_thread(self._upload.add, part, self._number)))

    async def finish(self, part: bytes) -> None:
        """Send the last part when the others have arrived, and let the object be. Raises ObjectExists."""
        while self._sending:
            await self._sending.popleft()
        await in_object_thread(self._upload.finish, part)

    async def abort(self) -> None:
        """Forget all of it, when no thread is at it any more."""
        await asyncio.gather(*self._sending, return_exceptions=True)
        await in_object_thread(self._upload.abort)
