"""What a request for a link says."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.errors import InvalidRecords, ItemError, MalformedBody
from domain.model.collections import MAX_LONG
from domain.model.links import LINK_SECONDS, MAX_LINK_SECONDS
from domain.model.uploads import Plan
from domain.services import strict_json
from entrypoints.http.media import OCTETS

Seconds = Annotated[int, Meta(ge=1, le=MAX_LINK_SECONDS, description="For which it can be used.")]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64, description="SHA-256 of the content.")]
Text = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]


class _Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="method"):
    expires_in: Seconds = LINK_SECONDS


class LinkToGet(_Wanted, frozen=True, kw_only=True, tag="GET"):
    """A link at which the content of a file is read."""


class LinkToPut(_Wanted, frozen=True, kw_only=True, tag="PUT"):
    """A link at which the content of a new file is put: what it will be, and what is known of it."""

    size: Annotated[int, Meta(ge=1, le=MAX_LONG, description="Bytes.")]
    sha256: Digest
    name: Annotated[str, Meta(description="By default the id.")] | None = None
    content_type: str = OCTETS
    metadata: Text | UnsetType = UNSET

    def plan(self, file_id: str) -> Plan:
        """The upload that it begins."""
        return Plan(
            file_id=file_id,
            name=file_id if self.name is None else self.name,
            content_type=self.content_type,
            metadata="{}" if self.metadata is UNSET else bytes(self.metadata).decode(),
            length=self.size,
            sha256=self.sha256,
        )


_REQUESTS: msgspec.json.Decoder[LinkToGet | LinkToPut] = msgspec.json.Decoder(LinkToGet | LinkToPut)


def link_wanted(body: bytes) -> LinkToGet | LinkToPut:
    """Raises MalformedBody, InvalidRecords."""
    strict_json.check(body)
    try:
        return _REQUESTS.decode(body)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        pointer = path.rstrip("`").replace(".", "/")
        fault = ItemError(pointer=pointer, code="invalid_value", detail=f"{what}.")
        raise InvalidRecords("This asks for no link; `errors` names the place.", errors=(fault,)) from None
    except msgspec.DecodeError as error:
        raise MalformedBody(f"The body is not JSON: {error}.") from error
