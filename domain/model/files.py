"""Files: what is known of each, beside the object that holds its content."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec

from domain.model.collections import MAX_LONG, Collection, Field, FieldType, Index
from domain.model.records import Record
from domain.model.translation import METADATA, TIMES

MAX_FILE_BYTES = 50_000 * 1024**2  # a bucket takes 10,000 parts, and ours have 5 MiB
CHANGEABLE = ("name", "content_type", "metadata")  # of what is known of a file; the rest follows from its content
TYPE_PATTERN = r"^([a-z0-9!#$&^_.+-]+|\*)/([a-z0-9!#$&^_.+-]+|\*)$"  # of content types in a list of them

FILES = Collection(
    name="files",
    noun="file",
    envelope="files",
    newest_first=True,
    fields=(
        Field(name="file_id", type=FieldType.IDENTIFIER, required=True, max_chars=64, max_bytes=255),
        Field(name="name", type=FieldType.TEXT, required=True, max_chars=255),
        Field(name="content_type", type=FieldType.TEXT, required=True, max_chars=127),
        Field(name="size", type=FieldType.LONG, required=True, minimum=0, maximum=MAX_LONG),
        Field(name="sha256", type=FieldType.TEXT, required=True, max_chars=64),
        Field(name="object", type=FieldType.TEXT, required=True, max_chars=200),
        msgspec.structs.replace(METADATA, sealable=False),  # of an upload on its way, the object store knows it, too
        *TIMES,
    ),
    indexes=(Index(("object",)), Index(("created_at",)), Index(("updated_at",))),
)


class FileLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Which files are taken."""

    max_bytes: int = 5 * 1024**3  # of one file
    types: tuple[str, ...] = ()  # content types, or the first half of them as in ``image/*``; none: any

    def take(self, content_type: str) -> bool:
        """Whether a content type, in lower case and without parameters, is taken."""
        kinds = (content_type, content_type.partition("/")[0] + "/*", "*/*")
        return not self.types or any(kind in self.types for kind in kinds)

    def refusal(self, content_type: str) -> str:
        """What is said of a content type that is not taken."""
        return f"Files of type {content_type} are not taken; there are: {', '.join(self.types)}."


class NewFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says of a file that it sends."""

    file_id: str
    name: str  # for the person who downloads it; no path
    content_type: str = "application/octet-stream"
    metadata: bytes = b"{}"  # a JSON object, kept as it was sent


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a content's bytes."""

    start: int = 0
    length: int | None = None  # None: to the end


class OpenedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose content is about to be sent."""

    record: Record
    part: Part | None  # None: only the record was asked for
    content: AsyncGenerator[bytes, None] | None


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What a search for orphans came to."""

    seen: int  # objects in the store
    removed: int  # of them without a file
    freed_bytes: int
