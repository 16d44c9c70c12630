"""What every error has."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class ItemError(msgspec.Struct, frozen=True, kw_only=True):
    """One fault inside a request, by place."""

    pointer: str  # JSON Pointer (RFC 6901) into the request body
    code: str  # stable word for the rule that was broken
    detail: str  # one sentence for a person


class PersistenceError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"
    cure: ClassVar[str] = "Look up the request id in the service's log."

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        """``detail``: one sentence for a person; ``retry_after``: seconds until a retry makes sense."""
        self.detail = detail or (type(self).__doc__ or "").strip().splitlines()[0]
        self.retry_after = retry_after
        super().__init__(self.detail)
