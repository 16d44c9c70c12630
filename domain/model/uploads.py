"""Uploads that may be broken off and gone on with: what is known of one while its content arrives."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from domain.model.files import NewFile

UPLOAD_PREFIX = "upload-"  # of the objects of all uploads; the content of a file is never named so
PIECE_BYTES = 8 * 1024 * 1024  # what a crash can cost at most
MAX_PIECES = 20_000  # of one upload, however small they are
EXPIRY = timedelta(hours=24)  # after the last piece


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was said when an upload was begun; kept as JSON."""

    file_id: str
    name: str
    content_type: str
    metadata: str  # a JSON object
    length: int  # bytes of the whole content
    sha256: str = ""  # of the whole content, in hexadecimal digits, where it was announced
    said: str = ""  # the client's own description, given back as it came

    @property
    def file(self) -> NewFile:
        """The file that it becomes."""
        return NewFile(
            file_id=self.file_id, name=self.name, content_type=self.content_type, metadata=self.metadata.encode()
        )


class UploadState(msgspec.Struct, frozen=True, kw_only=True):
    """How far an upload is."""

    upload_id: str
    plan: Plan
    offset: int  # bytes that are durable
    expires_at: datetime

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return self.offset == self.plan.length
